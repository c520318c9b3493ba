# SPDX-License-Identifier: GPL-2.0
# fish completion of kheaders(8), with the words that the program prints.

function __kheaders_words
    set -l words (commandline -opc)
    set -l takes
    if test (count $words) -eq 1
        kheaders --complete | string replace -r '\t.*\t' '\t'
        return
    end
    set -l table (kheaders --complete $words[2])
    set -l before $words[-1]
    test "$before" = -o; and set before --output
    for row in $table
        set -l field (string split \t -- $row)
        test "$field[1]" = "$before"; and set takes $field[2]
    end
    set -l now (commandline -ct)
    if test -z "$takes"; and not string match -q -- '-*' $now
        for row in $table
            set -l field (string split \t -- $row)
            test -z "$field[1]"; and set takes $field[2]
        end
    end
    switch "$takes"
        case FILE
            __fish_complete_path $now
        case DIR
            __fish_complete_directories $now
        case '*'
            string match -v -r '^\t' -- $table | string replace -r '\t.*\t' '\t'
    end
end

complete -c kheaders -f -a '(__kheaders_words)'
