/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processes of a person's session are the session's own, and which are somebody's work.
 *
 * For what runs without an application's unit: a desktop that starts its programs itself, a
 * terminal. What is not known to belong to a session is taken for work.
 */
#ifndef PLATEN_AGENT_PROCESSES_H
#define PLATEN_AGENT_PROCESSES_H

#include <stdbool.h>

#define COMM_SIZE 16 /* TASK_COMM_LEN: longer names are cut off by the kernel */

/* Of /proc/PID/stat, proc(5). */
struct process {
	char comm[COMM_SIZE];
	char state;
	int parent;
	int tty; /* 0: it has none */
};

/* False: this is no line of that file. */
bool process_parse(const char *line, struct process *ret_process);

/* Whether a process belongs to its session. `parent` is the name of its parent, or "". */
bool process_is_own(const struct process *process, const char *parent);

/* Looks for one that does not below a control group, by its folder's descriptor, which the caller
 * keeps. Whether there is one; then ret_comm is its name. */
bool processes_work(int group, char ret_comm[static COMM_SIZE]);

#endif
