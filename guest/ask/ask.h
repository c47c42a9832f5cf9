/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What platen-agent and platen-ask say to each other (fixed messages, proto/base/ipc.h).
 *
 * Over the worker's connection: QUESTION, then NAME, then PUT when a person can see it, then at
 * most one ANSWER; END takes it away. Or WHO, then NAME. Over the agent's socket, where the kernel
 * says who it is: ANSWER, then REPLY. What a user's name is may have to be asked for over the
 * network, so the agent never does.
 */
#ifndef PLATEN_ASK_H
#define PLATEN_ASK_H

#include "proto/base/ipc.h"
#include "proto/message.h"

#define ASK_SOCKET   "/run/platen-agent/ask"
#define ASK_TTYS_MAX 8

enum ask_message {
	ASK_QUESTION = 1,
	ASK_PUT,
	ASK_ANSWER,
	ASK_REPLY,
	ASK_WHO,
	ASK_NAME,
	ASK_END,
};

struct ask_question {
	struct ipc_head head;
	uint32_t limit_sec; /* until it restarts without a question, 0: it does not */
	uint32_t reminder;  /* bool */
	uint32_t desktop;   /* bool: there is a session with notifications */
	uint32_t uid;	    /* whose sessions they are: the worker becomes this user */
	char reason[MESSAGE_SIZE];
	char ttys[ASK_TTYS_MAX][32]; /* "pts/0": terminals without a desktop, may be empty */
};

struct ask_who {
	struct ipc_head head;
	uint32_t uid;
};

struct ask_name {
	struct ipc_head head;
	char name[USER_SIZE]; /* a line, for people: no right follows from it */
};

struct ask_answer {
	struct ipc_head head;
	uint32_t choice;    /* enum answer_choice */
	uint32_t after_sec; /* for LATER */
};

struct ask_reply {
	struct ipc_head head;
	int32_t error; /* 0 or -errno */
	char text[MESSAGE_SIZE];
};

/* platen-ask as the agent's worker: says what a user is called, or becomes that user and puts the
 * question in that user's sessions. Exit status: ASK_NOBODY there is no such user. */
#define ASK_NOBODY 4
int ask_serve(void);
int ask_put(const struct ask_question *question);

/* platen-ask as a person's command: hands the answer to the agent. Exit status. */
int ask_answer_send(const char *socket, enum answer_choice choice, uint32_t after_sec);

/* "90", "90m", "2h", "1d", "30s", "tonight" as seconds from now; 0 for what is none. */
uint32_t ask_parse_time(const char *word);

/* From now to 22:00, or to tomorrow's when that is less than half an hour away. Seconds. */
uint32_t ask_tonight(void);

#endif
