/** `switchyard completion bash|zsh|fish`: prints a script for the shell. */
import type { Command } from "../command.ts";
import { print } from "../output.ts";
import { BASH, FISH, ZSH } from "./scripts.ts";

function scriptCommand(script: string, notes: string): Command {
  return {
    notes,
    run: () => {
      print(script);
      return 0;
    },
  };
}

export const bash: Command = scriptCommand(BASH, 'In ~/.bashrc:\n  eval "$(switchyard completion bash)"');

export const zsh: Command = scriptCommand(
  ZSH,
  'In ~/.zshrc, after compinit:\n  eval "$(switchyard completion zsh)"\n' +
    "or as a file of fpath, before it:\n  switchyard completion zsh > ~/.zfunc/_switchyard",
);

export const fish: Command = scriptCommand(
  FISH,
  "Once:\n  switchyard completion fish > ~/.config/fish/completions/switchyard.fish",
);
