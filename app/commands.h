/* SPDX-License-Identifier: BSD-3-Clause */
/** @file
 * The user's commands. Each gets its own name as argv[0] and returns the exit status: 0 done,
 * 1 failed, 2 wrong usage.
 */
#ifndef WB_APP_COMMANDS_H
#define WB_APP_COMMANDS_H

int wb_cmd_run(int argc, char **argv);
int wb_cmd_check(int argc, char **argv);
int wb_cmd_plan(int argc, char **argv);
int wb_cmd_show(int argc, char **argv);
int wb_cmd_order(int argc, char **argv); /**< up, down, move, reload */

#endif
