/* The subcommands of `render`, each in a file of its own. */

#ifndef CMD_H
#define CMD_H


/* What each returns is the exit code: 0, 1 (failed), 2 (usage). */
int cmd_compose(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_migrate(int argc, char **argv);


#endif /* CMD_H */
