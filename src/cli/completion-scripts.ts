/** What shells are told about the command. Each asks it for the words that may come next, so none knows a verb. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# steward completion for bash: source <(steward completion bash)
_steward() {
  local IFS=$'\\n'
  COMPREPLY=($(steward completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _steward steward
`,
  zsh: `#compdef steward
# steward completion for zsh: source <(steward completion zsh), after compinit
_steward() {
  local -a found
  found=("\${(@f)$(steward completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  [[ -n "\${found[1]}" ]] && compadd -- "\${found[@]}" || _files
}
compdef _steward steward
`,
  fish: `# steward completion for fish: steward completion fish | source
function __steward_words
    set -l typed (commandline -opc) (commandline -ct)
    set -l found (steward completion words -- $typed[2..-1] 2>/dev/null)
    if set -q found[1]
        printf '%s\\n' $found
    else
        __fish_complete_path $typed[-1]
    end
end
complete -c steward -f -a '(__steward_words)'
`,
};
