/** All commands of `switchyard`. */
import type { CommandGroup } from "./command.ts";

export const COMMANDS: CommandGroup = {
  about: "gives every coding-agent thread its own MCP servers",
  commands: {
    run: {
      about: "run one turn of a Codex thread with its own MCP servers",
      load: async () => (await import("./run.ts")).run,
    },
    runner: {
      about: "run many Codex threads behind one pipe: runs in, events out, as JSON lines",
      load: async () => (await import("./runner.ts")).runner,
    },
    executor: {
      about: "let Codex and other Switchyards start processes on this machine",
      load: async () => (await import("./executor/executor.ts")).executor,
    },
    gateway: {
      about: "let any MCP client on this machine use the configured servers, at one URL or over stdio",
      load: async () => (await import("./gateway/gateway.ts")).gateway,
    },
    environments: {
      about: "list the places where MCP servers can run (environment_id), and check whether they work",
      commands: {
        list: {
          about: "list the environments, where they are defined, and what cannot be used",
          load: async () => (await import("./environments/list.ts")).list,
        },
        check: {
          about: "connect to the environments, and report for each what is there or why it does not work",
          load: async () => (await import("./environments/check.ts")).check,
        },
      },
      aliases: { ls: "list" },
    },
    ps: {
      about: "list the hosts on this machine, with their threads, servers and processes",
      load: async () => (await import("./ps/ps.ts")).ps,
    },
    reap: {
      about: "end the processes that hosts which died have left behind",
      load: async () => (await import("./ps/reap.ts")).reap,
    },
    mcp: {
      about: "list, check, edit and use MCP servers, Switchyard's own and Codex's",
      commands: {
        list: {
          about: "list the servers of all layers, with their origin and what will not run",
          load: async () => (await import("./mcp/list.ts")).list,
        },
        get: {
          about: "show one server, every key with its origin",
          load: async () => (await import("./mcp/get.ts")).get,
        },
        status: {
          about: "start the servers, and show for each what it offers or why it does not work",
          load: async () => (await import("./mcp/status.ts")).status,
        },
        tools: {
          about: "list the tools that the servers offer",
          load: async () => (await import("./mcp/tools.ts")).tools,
        },
        call: {
          about: "call a tool",
          load: async () => (await import("./mcp/call.ts")).call,
        },
        read: {
          about: "read a resource",
          load: async () => (await import("./mcp/read.ts")).read,
        },
        prompts: {
          about: "list the prompts that the servers offer, or show one of them filled in",
          load: async () => (await import("./mcp/prompts.ts")).prompts,
        },
        login: {
          about: "log in to a server, in the browser",
          load: async () => (await import("./mcp/login.ts")).login,
        },
        logout: {
          about: "forget the login to a server",
          load: async () => (await import("./mcp/logout.ts")).logout,
        },
        add: {
          about: "add a server; flags go before the command",
          load: async () => (await import("./mcp/add.ts")).add,
        },
        "add-json": {
          about: "add a server that is written in JSON, as other products have it",
          load: async () => (await import("./mcp/add-json.ts")).addJson,
        },
        remove: {
          about: "remove a server from a file",
          load: async () => (await import("./mcp/edit.ts")).remove,
        },
        set: { about: "set one key of a server", load: async () => (await import("./mcp/edit.ts")).set },
        unset: {
          about: "remove one key of a server",
          load: async () => (await import("./mcp/edit.ts")).unset,
        },
        enable: {
          about: "switch a server on",
          load: async () => (await import("./mcp/edit.ts")).enable,
        },
        disable: {
          about: "switch a server off, and keep its configuration",
          load: async () => (await import("./mcp/edit.ts")).disable,
        },
        rename: {
          about: "give a server another name",
          load: async () => (await import("./mcp/edit.ts")).rename,
        },
        import: {
          about: "take over the servers of other products' files",
          load: async () => (await import("./mcp/import.ts")).importCommand,
        },
        skills: {
          about: "list the servers that skills need, and add those that are missing",
          load: async () => (await import("./mcp/skills.ts")).skills,
        },
        check: {
          about: "report everything that is wrong with a file, or with all layers together",
          load: async () => (await import("./mcp/check.ts")).check,
        },
        schema: {
          about: "print the JSON Schema of a configuration file, for editors",
          load: async () => (await import("./mcp/schema.ts")).schema,
        },
      },
      aliases: { ls: "list", rm: "remove" },
      synonyms: {
        show: "get",
        info: "get",
        delete: "remove",
        uninstall: "remove",
        install: "add",
        create: "add",
        mv: "rename",
        validate: "check",
      },
    },
    doctor: {
      about: "start the servers, look at everything around them, and say what is wrong and how to mend it",
      load: async () => (await import("./doctor/doctor.ts")).doctor,
    },
    trust: {
      about: "let the configuration files of a project count",
      load: async () => (await import("./trust.ts")).trust,
    },
    completion: {
      about: "print a script that makes the shell complete commands, servers, tools and environments",
      commands: {
        bash: {
          about: "print the script for Bash",
          load: async () => (await import("./completion/completion.ts")).bash,
        },
        zsh: {
          about: "print the script for zsh",
          load: async () => (await import("./completion/completion.ts")).zsh,
        },
        fish: {
          about: "print the script for fish",
          load: async () => (await import("./completion/completion.ts")).fish,
        },
        answer: {
          about: "print what the last of some words may become, for these scripts",
          load: async () => (await import("./completion/answer.ts")).answerFor(COMMANDS),
        },
      },
    },
    demo: {
      about: "show many threads at once, each with its own MCP servers; needs no key and no internet",
      load: async () => (await import("./demo/demo.ts")).demo,
    },
  },
};
