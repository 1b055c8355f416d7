// What is said of an error, whatever was thrown.

export const errorMessage = (error: unknown): string => (error instanceof Error ? error.message : String(error));
