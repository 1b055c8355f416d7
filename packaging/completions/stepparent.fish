# fish completion for stepparent(8). The program itself lists the words that fit at the cursor.

function __stepparent_complete
    set -l current (commandline -ct)
    set -l flag (string match -r -- '^--[^=]+=' $current)
    set -l words (commandline -opc)
    set -l lines (command stepparent __complete $words[2..] "$current" 2>/dev/null </dev/null)
    switch "$lines[1]"
        case :file
            set lines (__fish_complete_path (string replace -r -- '^--[^=]+=' '' "$current"))
        case :directory
            set lines (__fish_complete_directories (string replace -r -- '^--[^=]+=' '' "$current") '')
    end
    for line in $lines
        echo "$flag$line"
    end
end

complete -c stepparent -f -a '(__stepparent_complete)'
