# bash completion for stepparent(8). The program itself lists the words that fit at the cursor.

_stepparent() {
  local lines cur=${COMP_WORDS[COMP_CWORD]}
  # Words are passed as typed. `compgen -W` would execute command substitutions in them.
  mapfile -t lines < <(command stepparent __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
  [[ $cur == = ]] && cur=
  COMPREPLY=()
  case ${lines[0]-} in
    :file | :directory)
      compopt -o filenames 2>/dev/null
      [[ ${lines[0]} == :file ]] && mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      [[ ${lines[0]} == :directory ]] && mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      ;;
    ?*) COMPREPLY=("${lines[@]%%$'\t'*}") ;;
  esac
}

complete -F _stepparent stepparent
