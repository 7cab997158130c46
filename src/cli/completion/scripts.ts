/**
 * The scripts that make a shell ask `switchyard completion answer`.
 *
 * They call the `switchyard` in PATH, never the one that is typed: a Tab after `./switchyard` must not run a program of the folder.
 */

/** The text as it stands, with `\${` for the shell's own. */
function shell({ raw }: TemplateStringsArray): string {
  return raw.join("").replaceAll("\\${", "${");
}

/**
 * Bash takes `=` and `:` for the ends of words. So words are put together again here; what stands before the last one is cut off the
 * answer, because Bash keeps it. It runs on version 3.2, macOS's.
 */
export const BASH: string = shell`_switchyard() {
  local line=\${COMP_LINE:0:COMP_POINT} word gap words=() last=-1 kept='' is='' i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((i == COMP_CWORD)); then
      # The one that ends at the cursor.
      word=\${line#"\${line%%[![:space:]]*}"}
    fi
    gap=\${line%%"$word"*}
    [[ -z $word ]] && gap=$line
    line=\${line#"$gap$word"}
    if ((i > 0)) && [[ -z $gap && -n $word ]]; then
      kept=\${words[last]}
      words[last]+=$word
      [[ $word == [=:] ]] && kept=\${words[last]}
    else
      words[++last]=$word
      kept=''
    fi
  done
  words=("\${words[@]//[\"\'\\]/}")
  COMPREPLY=()
  while IFS=$'\t' read -r word _; do
    if [[ -z $is ]]; then
      is=$word
    elif [[ $word == "\${words[last]}"* ]]; then
      [[ $word == *= ]] && compopt -o nospace 2>/dev/null
      printf -v word %q "\${word#"$kept"}"
      COMPREPLY+=("$word")
    fi
  done < <(command switchyard completion answer -- "\${words[@]:1}" 2>/dev/null)
  case $is in
    files) compopt -o default 2>/dev/null ;;
    folders) compopt -o dirnames 2>/dev/null ;;
    programs)
      while read -r word; do COMPREPLY+=("$word"); done < <(compgen -c -- "\${words[last]}")
      compopt -o default 2>/dev/null
      ;;
  esac
}
complete -F _switchyard switchyard
`;

/** A file of `fpath` as well as a line of `.zshrc`. */
export const ZSH: string = shell`#compdef switchyard
_switchyard() {
  local -a lines closed open
  local line word
  lines=("\${(@f)$(command switchyard completion answer -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  case $lines[1] in
    files) compset -P '-*='; _files ;;
    folders) compset -P '-*='; _files -/ ;;
    programs) _command_names -e ;;
    *)
      for line in "\${(@)lines[2,-1]}"; do
        word=\${line%%$'\t'*}
        line=\${word//:/\\:}:\${line#*$'\t'}
        if [[ $word == *= ]]; then open+=("$line"); else closed+=("$line"); fi
      done
      (($#closed)) && _describe -t words word closed
      (($#open)) && _describe -t words word open -S ''
      ;;
  esac
}
if [[ $funcstack[1] == _switchyard ]]; then _switchyard "$@"; else compdef _switchyard switchyard; fi
`;

export const FISH: string = shell`function __switchyard_answer
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -e words[1]
    set -l lines (command switchyard completion answer -- $words "$typed" 2>/dev/null)
    set -l value (string replace -r -- '^--[^=]*=' '' "$typed")
    set -l option (string replace -r -- '^(--[^=]*=)?.*' '$1' "$typed")
    switch "$lines[1]"
        case files
            string replace -r -- '^' "$option" (complete -C "'' $value")
        case folders
            string replace -r -- '^' "$option" (__fish_complete_directories "$value" '')
        case programs
            __fish_complete_command
        case '*'
            set -e lines[1]
            string join \n -- $lines
    end
end
complete -c switchyard -f -a '(__switchyard_answer)'
`;
