/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seed FOLDER: writes the first seeds of the fuzzers to FOLDER/NAME/, made by the code
 * that they test: each message as small and as large as it may be, and the sessions that matter.
 * They are not kept in git, so they follow the schema; what a fuzzer finds beyond them is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/frame.h"
#include "tests/fuzz/fuzz-session.h"
#include "tests/fuzz/seed-parts.h"
#include "tests/unit/sample-ppd.h"
#include "tests/unit/sample.h"

static const char *folder;
static uint8_t script[4 * FRAME_MAX];
static size_t used;

static void save(const char *fuzzer, const char *name, const void *data, size_t size)
{
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, fuzzer);
	if (mkdir(path, 0777) < 0 && errno != EEXIST) {
		perror(path);
		exit(1);
	}
	(void)snprintf(path, sizeof(path), "%s/%s/%s", folder, fuzzer, name);
	file = fopen(path, "wbe");
	if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static void begin(uint8_t how)
{
	used = 0;
	script[used++] = how;
}

static void op(enum session_operation operation, const void *data, size_t size)
{
	script[used++] = (uint8_t)operation;
	script[used++] = (uint8_t)size;
	script[used++] = (uint8_t)(size >> 8);
	if (data)
		memcpy(script + used, data, size);
	used += data ? size : 0;
}

static void op_message(enum message_type type, bool largest)
{
	static struct message m;
	static uint8_t packed[FRAME_PAYLOAD_MAX];
	size_t size;

	sample(&m, type, largest);
	size = message_encode(&m, packed);
	if (size <= UINT16_MAX)
		op(SESSION_FRAME, packed, size);
}

static void op_token(enum token_kind kind, uint8_t guest, uint8_t host)
{
	uint8_t args[3] = {(uint8_t)kind, guest, host};

	op(SESSION_TOKEN, args, sizeof(args));
}

static void op_act(uint8_t what, uint8_t arg)
{
	uint8_t args[2] = {what, arg};

	op(SESSION_ACT, args, sizeof(args));
}

/* Every message for the envelope and, framed, for the frames. */
static void messages(void)
{
	static struct message m;
	static uint8_t frame[FRAME_MAX];

	for (uint32_t type = 1; type < MESSAGE_TYPE_COUNT; type++) {
		for (int largest = 0; largest < 2; largest++) {
			char name[64];
			size_t size;

			sample(&m, type, largest);
			if (type == MESSAGE_JOB_DATA && largest)
				m.job_data.data_size = 1000;
			if (type == MESSAGE_DRIVER_DATA && largest)
				m.driver_data.data_size = 1000;
			size = message_encode(&m, frame + FRAME_HEAD_SIZE);
			frame_head(frame, frame + FRAME_HEAD_SIZE, size);
			(void)snprintf(name, sizeof(name), "%s-%s", message_name(type),
				largest ? "large" : "small");
			save("envelope", name, frame + FRAME_HEAD_SIZE, size);
			save("frame", name, frame, FRAME_HEAD_SIZE + size);
		}
	}
	for (enum token_kind kind = TOKEN_SYNC; kind <= TOKEN_RESYNC; kind++) {
		struct token token = {.kind = kind};
		uint8_t bytes[100 + TOKEN_SIZE] = {0};
		char name[64];

		token_write(bytes + 100, &token);
		(void)snprintf(name, sizeof(name), "token-%d", (int)kind);
		save("frame", name, bytes, sizeof(bytes));
	}
}

static void host_sessions(void)
{
	begin(0); /* a whole session as a guest has it, with all it may say */
	op_token(TOKEN_SYNC, 7, 0);
	op_token(TOKEN_SYNC, 7, SESSION_NONCE);
	op_message(MESSAGE_HELLO, true);
	op_act(MESSAGE_WELCOME, 0);
	op_act(SESSION_READ, 0);
	op_message(MESSAGE_GUEST_STATUS, true);
	op_message(MESSAGE_PRINTER_REPORT, true);
	op_message(MESSAGE_DRIVER_GET, true);
	op_message(MESSAGE_JOB_OPEN, true);
	op_message(MESSAGE_JOB_DATA, false);
	op_message(MESSAGE_JOB_SEAL, true);
	op_message(MESSAGE_JOB_CANCEL, true);
	op_message(MESSAGE_JOB_CLOSE, true);
	op_message(MESSAGE_PING, true);
	op(SESSION_TIME, NULL, 700);
	op(SESSION_TIME, NULL, 700);
	op_message(MESSAGE_PONG, true);
	op_message(MESSAGE_BYE, true);
	save("session", "host-whole", script, used);

	begin(0); /* broken off in a frame, and begun anew */
	op_token(TOKEN_SYNC, 7, SESSION_NONCE);
	op_message(MESSAGE_HELLO, false);
	op(SESSION_RAW, "PLF1\x10\0\0\0\0\0\0\0", 12);
	op(SESSION_RAW, (uint8_t[64]){0}, 64);
	op_token(TOKEN_SYNC, 8, SESSION_NONCE);
	op_act(SESSION_CLOSE, 0);
	op_token(TOKEN_SYNC, 9, SESSION_NONCE);
	save("session", "host-broken", script, used);

	begin(0); /* a peer that does not read, and an owner that has much to say */
	op_token(TOKEN_SYNC, 7, SESSION_NONCE);
	op_message(MESSAGE_HELLO, false);
	op_act(MESSAGE_WELCOME, 0);
	for (int i = 0; i < 40; i++)
		op_act(MESSAGE_DRIVER_DATA, 1);
	op_message(MESSAGE_HELLO, false);
	op_act(SESSION_READ, 0);
	save("session", "host-full", script, used);
}

static void guest_sessions(void)
{
	begin(3); /* a whole session as a host has it, a silence, another host */
	op_token(TOKEN_RESYNC, 0, 9);
	op_token(TOKEN_ACK, SESSION_NONCE, 9);
	op_act(MESSAGE_HELLO, 1);
	op_message(MESSAGE_WELCOME, true);
	op_message(MESSAGE_OFFER_BEGIN, true);
	op_message(MESSAGE_PRINTER, true);
	op_message(MESSAGE_OFFER_END, true);
	op_message(MESSAGE_PRINTER_STATE, true);
	op_message(MESSAGE_DRIVER_DATA, false);
	op_act(MESSAGE_JOB_OPEN, 1);
	op_message(MESSAGE_JOB_ACCEPT, true);
	op_message(MESSAGE_JOB_CREDIT, true);
	op_message(MESSAGE_JOB_STATE, true);
	op_message(MESSAGE_JOB_RELEASE, true);
	op_message(MESSAGE_PRINTER_GONE, true);
	op(SESSION_TIME, NULL, 900);
	op(SESSION_TIME, NULL, 900);
	op(SESSION_PEER, NULL, 0);
	op_token(TOKEN_RESYNC, 0, 10);
	op_token(TOKEN_ACK, SESSION_NONCE, 10);
	op_message(MESSAGE_BYE, true);
	op_act(SESSION_RESTART, 0);
	op_token(TOKEN_ACK, SESSION_NONCE, 10);
	save("session", "guest-whole", script, used);

	begin(1); /* not persistent: the end is the end */
	op_token(TOKEN_ACK, SESSION_NONCE, 9);
	op_act(SESSION_KEEPALIVE, 1);
	op_message(MESSAGE_WELCOME, false);
	op(SESSION_PEER, NULL, 0);
	save("session", "guest-ends", script, used);
}

int main(int argc, char **argv)
{
	static const char options[] = "sides\0two-sided-long-edge\0media\0iso_a4_210x297mm\0";
	static const char *const texts[] = {
		"\x10Laser in B\xC3\xBCro 3",
		"\x08\xE2\x80\xAE\xF0\x9F\x96\xA8\n\x1B[31m\\",
		"\x40urn:uuid:00112233-4455-6677-8899-aabbccddeeff",
		"\x40ipp://user:pw@[fe80::1]:631/printers/laser?waitjob=false",
		"\x40smb://workgroup/server/share",
		"\100application/vnd.cups-raw",
	};

	if (argc != 2) {
		(void)fprintf(stderr, "usage: seed FOLDER\n");
		return 2;
	}
	folder = argv[1];
	if (mkdir(folder, 0777) < 0 && errno != EEXIST) {
		perror(folder);
		return 1;
	}
	messages();
	host_sessions();
	guest_sessions();
	seed_ipp(save);
	seed_script(save);
	save("options", "two", options, sizeof(options) - 1);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%zu", i);
		save("text", name, texts[i], strlen(texts[i]));
	}
	save("ppd", "vendor", PPD_VENDOR, strlen(PPD_VENDOR));
	for (size_t i = 0; i < sizeof(sample_attacks) / sizeof(sample_attacks[0]); i++)
		save("ppd", sample_attacks[i].name, sample_attacks[i].text,
			strlen(sample_attacks[i].text));
	return 0;
}
