/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames, tokens and padding as bytes: what is one, what is not, and what is not there yet. Bytes
 * are put at the very end of an allocation, so that reading beyond them would be seen.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"

static uint8_t frame[FRAME_MAX + 16], token[TOKEN_SIZE];
static uint8_t payload[FRAME_PAYLOAD_MAX];

static size_t make_frame(size_t size)
{
	for (size_t i = 0; i < size; i++)
		payload[i] = (uint8_t)(i * 31 + 1);
	memcpy(frame + FRAME_HEAD_SIZE, payload, size);
	frame_head(frame, payload, size);
	return FRAME_HEAD_SIZE + size;
}

static void make_token(uint32_t kind)
{
	struct token t = {.kind = (enum token_kind)kind};

	for (size_t i = 0; i < NONCE_SIZE; i++) {
		t.guest[i] = (uint8_t)i;
		t.host[i] = (uint8_t)(0xF0 + i);
	}
	token_write(token, &t);
}

/* Looks at a copy that ends where the bytes end. */
static enum frame_kind look(const void *bytes, size_t size, size_t *ret_size)
{
	uint8_t *copy = malloc(size ? size : 1);
	enum frame_kind kind;

	memcpy(copy, bytes, size);
	kind = frame_look(copy, size, ret_size);
	free(copy);
	return kind;
}

/* Frames of every interesting size are whole with their last byte and not before, and what follows
 * them does not matter. */
START_TEST(test_whole)
{
	static const size_t sizes[] = {1, 2, 15, 16, 17, 1000, 65535, 65536, FRAME_PAYLOAD_MAX};
	size_t size, found = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size = make_frame(sizes[i]);
		ck_assert_uint_eq(frame_extent(frame), size);
		for (size_t part = 0; part < size; part += part < 40 ? 1 : size / 50 + 1)
			ck_assert_int_eq(look(frame, part, &found), FRAME_MORE);
		ck_assert_int_eq(look(frame, size - 1, &found), FRAME_MORE);
		ck_assert_int_eq(look(frame, size, &found), FRAME_WHOLE);
		ck_assert_uint_eq(found, sizes[i]);
		ck_assert_int_eq(look(frame, size + 1, &found), FRAME_WHOLE);
	}
}
END_TEST

/* Each bit of a frame counts. A changed size may only make it wait, be too large, or bad. */
START_TEST(test_each_bit)
{
	size_t size = make_frame(40), found = 0;

	for (size_t bit = 0; bit < size * 8; bit++) {
		enum frame_kind kind;

		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		kind = look(frame, size, &found);
		ck_assert_int_ne(kind, FRAME_WHOLE);
		ck_assert_int_ne(kind, FRAME_TOKEN);
		if (bit / 8 < 4 || bit / 8 >= 8)
			ck_assert_int_eq(kind, FRAME_BAD);
		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

/* The size that a head claims is judged before a byte of it is awaited. */
START_TEST(test_claims)
{
	static const struct {
		uint32_t size;
		enum frame_kind kind;
	} rows[] = {
		{0, FRAME_BAD},
		{1, FRAME_MORE},
		{FRAME_PAYLOAD_MAX, FRAME_MORE},
		{FRAME_PAYLOAD_MAX + 1, FRAME_LARGE},
		{0x7FFFFFFF, FRAME_LARGE},
		{0xFFFFFFF0, FRAME_LARGE},
		{0xFFFFFFFF, FRAME_LARGE},
	};
	size_t found = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)make_frame(1);
		for (size_t b = 0; b < 4; b++)
			frame[4 + b] = (uint8_t)(rows[i].size >> 8 * b);
		ck_assert_int_eq(look(frame, FRAME_HEAD_SIZE, &found), rows[i].kind);
		if (rows[i].kind == FRAME_LARGE)
			ck_assert_uint_eq(found, rows[i].size);
	}
}
END_TEST

/* Anything else is refused with the first byte that shows it. */
START_TEST(test_neither)
{
	static const struct {
		const char *bytes;
		size_t size;
		enum frame_kind kind;
	} rows[] = {
		{"", 0, FRAME_MORE},
		{"P", 1, FRAME_MORE},
		{"PL", 2, FRAME_MORE},
		{"PLF", 3, FRAME_MORE},
		{"PLS", 3, FRAME_MORE},
		{"PLF1", 4, FRAME_MORE},
		{"PLS\xFF", 4, FRAME_MORE},
		{"x", 1, FRAME_BAD},
		{"Q", 1, FRAME_BAD},
		{"PX", 2, FRAME_BAD},
		{"PLX", 3, FRAME_BAD},
		{"PLF2", 4, FRAME_BAD},
		{"PLS1", 4, FRAME_BAD},
		{"GET / HTTP/1.1", 14, FRAME_BAD},
	};
	size_t found = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(
			look(rows[i].bytes, rows[i].size, &found) == rows[i].kind, "row %zu", i);
}
END_TEST

/* Zeros are padding, as many as there are. */
START_TEST(test_padding)
{
	static uint8_t zeros[1000];
	size_t found = 0;

	for (size_t size = 1; size < sizeof(zeros); size += 111) {
		ck_assert_int_eq(look(zeros, size, &found), FRAME_PADDING);
		ck_assert_uint_eq(found, size);
	}
	zeros[500] = 'P';
	ck_assert_int_eq(look(zeros, sizeof(zeros), &found), FRAME_PADDING);
	ck_assert_uint_eq(found, 500);
	ck_assert_uint_eq(frame_extent(zeros), 1);
}
END_TEST

/* Tokens of each kind are read as they were written; a kind there is not, or a changed byte before
 * the nonces, is no token; the nonces may be anything. */
START_TEST(test_token)
{
	size_t found = 0;

	for (uint32_t kind = 0; kind < 6; kind++) {
		bool valid = kind >= TOKEN_SYNC && kind <= TOKEN_RESYNC;
		struct token t;

		make_token(kind);
		ck_assert_int_eq(token_read(token, &t), valid);
		ck_assert_int_eq(look(token, TOKEN_SIZE, &found), valid ? FRAME_TOKEN : FRAME_BAD);
		ck_assert_int_eq(look(token, TOKEN_SIZE - 1, &found), FRAME_MORE);
		ck_assert_uint_eq(frame_extent(token), TOKEN_SIZE);
		if (!valid)
			continue;
		ck_assert_uint_eq(t.kind, kind);
		ck_assert_uint_eq(t.guest[15], 15);
		ck_assert_uint_eq(t.host[15], 0xFF);
	}
	make_token(TOKEN_SYNC);
	for (size_t i = 0; i < TOKEN_SIZE; i++) {
		token[i] ^= 0x10;
		ck_assert_int_eq(look(token, TOKEN_SIZE, &found), i < 16 ? FRAME_BAD : FRAME_TOKEN);
		token[i] ^= 0x10;
	}
}
END_TEST

/* The search finds a token at any place, the first of several, and one that may have begun at the
 * end; it passes by what only begins like one. */
START_TEST(test_find)
{
	uint8_t noise[400];
	struct token t;

	make_token(TOKEN_ACK);
	for (size_t at = 0; at <= sizeof(noise) - TOKEN_SIZE; at++) {
		memset(noise, 'P', sizeof(noise));
		memcpy(noise + at, token, TOKEN_SIZE);
		ck_assert_uint_eq(token_find(noise, sizeof(noise)), at);
		ck_assert(token_read(noise + at, &t));
	}
	for (size_t part = 1; part < TOKEN_SIZE; part++) {
		memset(noise, 0, sizeof(noise));
		memcpy(noise + sizeof(noise) - part, token, part);
		ck_assert_uint_eq(token_find(noise, sizeof(noise)), sizeof(noise) - part);
	}
	memset(noise, 0, sizeof(noise));
	memcpy(noise + 10, token, 12); /* cut, then something else */
	memcpy(noise + 22, token, TOKEN_SIZE);
	ck_assert_uint_eq(token_find(noise, sizeof(noise)), 22);
	ck_assert_uint_eq(token_find(noise, 20), 10);
	ck_assert_uint_eq(token_find(noise, 0), 0);
	memset(noise, 'L', sizeof(noise));
	ck_assert_uint_eq(token_find(noise, sizeof(noise)), sizeof(noise));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("frame");
	TCase *tc = tcase_create("frame");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_whole);
	tcase_add_test(tc, test_each_bit);
	tcase_add_test(tc, test_claims);
	tcase_add_test(tc, test_neither);
	tcase_add_test(tc, test_padding);
	tcase_add_test(tc, test_token);
	tcase_add_test(tc, test_find);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
