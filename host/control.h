/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: platenctl asks one question per connection, as a JSON object on one line of
 * at most CONTROL_REQUEST_MAX bytes, and gets one JSON object back. Reading is for everyone;
 * changing is for root and members of admin-group (peer credentials, unix(7)).
 */
#ifndef PLATEN_CONTROL_H
#define PLATEN_CONTROL_H

#include <jansson.h>

#include "host/host.h"

#define CONTROL_REQUEST_MAX 4096 /* bytes */
#define CONTROL_CLIENTS_MAX 32

struct control;
struct control_client;

int control_new(struct host *host, struct control **ret_control);
struct control *control_free(struct control *control);

/* Ends a client's question. Steals `data`. */
void control_answer(struct control_client *client, json_t *data);
void control_fault(struct control_client *client, const char *code, const char *hint,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

struct host *control_host(struct control_client *client);
bool control_may_change(const struct control_client *client);

/* The descriptor that came with the request, which is the caller's now, or -1. */
int control_take_fd(struct control_client *client);

/* A request that waits for somebody else: the client stays until control_answer() or _fault(). */
void control_wait(struct control_client *client);

/* verbs.c: answers a request, now or later. */
void verbs_dispatch(struct control_client *client, const json_t *untrusted_request);

#endif
