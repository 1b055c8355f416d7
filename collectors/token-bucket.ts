// A token bucket: bounds the rate of something, and lets bursts through.

/** Number of tokens of a full bucket, and number that come back in a second. */
export interface Rate {
  burst: number;
  perSecond: number;
}

/** Opens a full bucket. The returned function takes a token; false: the bucket is empty. A time that goes back adds none. */
export function openTokenBucket({ burst, perSecond }: Rate): (nowMs: number) => boolean {
  let tokens = burst;
  let filledMs = Number.NEGATIVE_INFINITY;
  return (nowMs) => {
    if (filledMs !== Number.NEGATIVE_INFINITY) {
      tokens = Math.min(burst, tokens + (Math.max(0, nowMs - filledMs) / 1000) * perSecond);
    }
    filledMs = Math.max(filledMs, nowMs);
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}
