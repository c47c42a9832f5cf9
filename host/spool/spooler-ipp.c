/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The little of libcups that platen-spool uses, typed.
 *
 * What comes back from cupsd may be text of a device, so every string passes text_copy_line() on
 * its way into a fixed array, and an attribute of another type than expected is as good as absent.
 */
#include "host/spool/spooler-ipp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/ipp/exchange.h"

http_t *ipp_connect(const char *socket)
{
	return httpConnect2(
		socket, 0, NULL, AF_UNSPEC, HTTP_ENCRYPTION_IF_REQUESTED, 1, CONNECT_MSEC, NULL);
}

ipp_t *ipp_request(ipp_op_t op, const char *printer, const char *user)
{
	ipp_t *request = ippNewRequest(op);
	char uri[1024];

	if (printer)
		(void)httpAssembleURIf(HTTP_URI_CODING_ALL, uri, sizeof(uri), "ipp", NULL,
			"localhost", 0, "/printers/%s", printer);
	else
		(void)snprintf(uri, sizeof(uri), "ipp://localhost/");
	(void)ippAddString(request, IPP_TAG_OPERATION, IPP_TAG_URI, "printer-uri", NULL, uri);
	(void)ippAddString(request, IPP_TAG_OPERATION, IPP_TAG_NAME, "requesting-user-name", NULL,
		user ? user : "platen");
	return request;
}

/* Takes or deletes an answer. One that libcups made nothing of may have been a refusal by HTTP, as
 * of a printer with a strict policy: cupsd is there. */
static int take(ipp_t *response, ipp_status_t status, ipp_t **ret_response)
{
	if (!response)
		switch (status) {
		case IPP_STATUS_ERROR_NOT_AUTHORIZED:
		case IPP_STATUS_ERROR_NOT_AUTHENTICATED:
		case IPP_STATUS_ERROR_CUPS_AUTHENTICATION_CANCELED:
		case IPP_STATUS_ERROR_FORBIDDEN: return -EACCES;
		default: return -ECONNRESET;
		}
	if (status > IPP_STATUS_OK_CONFLICTING) {
		ippDelete(response);
		return status == IPP_STATUS_ERROR_NOT_FOUND ? -ENOENT : -EIO;
	}
	*ret_response = response;
	return 0;
}

int ipp_do(http_t *http, ipp_t *request, ipp_t **ret_response)
{
	ipp_t *response = cupsDoRequest(http, request, "/");

	return take(response, cupsLastError(), ret_response);
}

int ipp_do_list(http_t *http, ipp_t *request, ipp_t **ret_response)
{
	bool silent;
	ipp_t *response = ipp_exchange(http, request, "/", -1, NULL, NULL, &silent);

	if (silent)
		return -ECONNRESET;
	return take(
		response, response ? ippGetStatusCode(response) : cupsLastError(), ret_response);
}

void ipp_text(ipp_t *ipp, const char *name, char *buf, size_t size)
{
	ipp_attribute_t *a = ippFindAttribute(ipp, name, IPP_TAG_ZERO);
	const char *text = a ? ippGetString(a, 0, NULL) : NULL;

	text_copy_line(buf, size, text ? text : "");
}

void ipp_list(ipp_t *ipp, const char *name, char *buf, size_t size)
{
	ipp_attribute_t *a = ippFindAttribute(ipp, name, IPP_TAG_ZERO);
	char *joined = calloc(1, size);
	size_t used = 0;

	for (int i = 0; joined && a && i < ippGetCount(a); i++) {
		const char *text = ippGetString(a, i, NULL);
		size_t len = text ? strlen(text) : 0;

		if (len == 0 || used + len + 2 > size)
			continue;
		if (used)
			joined[used++] = ',';
		memcpy(joined + used, text, len);
		used += len;
	}
	text_copy_line(buf, size, joined ? joined : "");
	free(joined);
}

int ipp_int(ipp_t *ipp, const char *name, int otherwise)
{
	ipp_attribute_t *a = ippFindAttribute(ipp, name, IPP_TAG_ZERO);
	ipp_tag_t tag = a ? ippGetValueTag(a) : IPP_TAG_ZERO;

	if (tag == IPP_TAG_BOOLEAN)
		return ippGetBoolean(a, 0);
	return tag == IPP_TAG_INTEGER || tag == IPP_TAG_ENUM ? ippGetInteger(a, 0) : otherwise;
}

enum job_refusal ipp_refusal(ipp_status_t status)
{
	switch (status) {
	case IPP_STATUS_ERROR_NOT_FOUND: return REFUSAL_PRINTER_GONE;
	case IPP_STATUS_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED: return REFUSAL_FORMAT;
	case IPP_STATUS_ERROR_NOT_ACCEPTING_JOBS: return REFUSAL_NOT_ACCEPTING;
	case IPP_STATUS_ERROR_BUSY:
	case IPP_STATUS_ERROR_TOO_MANY_JOBS: return REFUSAL_QUOTA;
	case IPP_STATUS_ERROR_REQUEST_ENTITY:
	case IPP_STATUS_ERROR_DEVICE: return REFUSAL_NO_SPACE;
	case IPP_STATUS_ERROR_SERVICE_UNAVAILABLE: return REFUSAL_SPOOLER_DOWN;
	case IPP_STATUS_ERROR_FORBIDDEN:
	case IPP_STATUS_ERROR_NOT_AUTHORIZED:
	case IPP_STATUS_ERROR_NOT_AUTHENTICATED: return REFUSAL_POLICY;
	default: return REFUSAL_FAILED;
	}
}

void ipp_job_key_format(const struct uuid *job, uint32_t file, char buf[static 64])
{
	char uuid[UUID_TEXT_SIZE];

	(void)snprintf(buf, 64, "%s/%u", uuid_format(job, uuid), file);
}

int ipp_job_key(const char *text, struct uuid *ret_job, uint32_t *ret_file)
{
	const char *slash = strchr(text, '/');
	char uuid[UUID_TEXT_SIZE];
	char *end;
	unsigned long file;

	if (!slash || slash - text != UUID_TEXT_SIZE - 1)
		return -EINVAL;
	memcpy(uuid, text, UUID_TEXT_SIZE - 1);
	uuid[UUID_TEXT_SIZE - 1] = '\0';
	file = strtoul(slash + 1, &end, 10);
	if (*end || file < 1 || file > JOB_FILES_MAX)
		return -EINVAL;
	*ret_file = (uint32_t)file;
	return uuid_parse(uuid, ret_job);
}

int ipp_is_job(http_t *http, uint32_t host_job, const struct uuid *job, uint32_t file,
	char ret_owner[static USER_SIZE])
{
	static const char *const wanted[] = {SPOOL_ATTR_JOB, SPOOL_ATTR_OWNER};
	ipp_t *request = ipp_request(IPP_OP_GET_JOB_ATTRIBUTES, NULL, SPOOL_READER), *response;
	char expected[64], found[64];
	int r;

	ippDeleteAttribute(request, ippFindAttribute(request, "printer-uri", IPP_TAG_URI));
	(void)ippAddStringf(request, IPP_TAG_OPERATION, IPP_TAG_URI, "job-uri", NULL,
		"ipp://localhost/jobs/%u", host_job);
	(void)ippAddStrings(request, IPP_TAG_OPERATION, IPP_TAG_KEYWORD, "requested-attributes", 2,
		NULL, wanted);
	httpSetAuthString(http, NULL, NULL); /* see SPOOL_READER */
	r = ipp_do(http, request, &response);
	if (r < 0)
		return r;
	ipp_text(response, SPOOL_ATTR_JOB, found, sizeof(found));
	ipp_text(response, SPOOL_ATTR_OWNER, ret_owner, USER_SIZE);
	ippDelete(response);
	ipp_job_key_format(job, file, expected);
	return strcmp(found, expected) == 0 ? 0 : -ESTALE;
}

int ipp_cancel(http_t *http, uint32_t host_job, const struct uuid *job, uint32_t file)
{
	ipp_t *request, *response;
	char owner[USER_SIZE];
	int r = ipp_is_job(http, host_job, job, file, owner);

	if (r < 0)
		return r;
	request = ipp_request(IPP_OP_CANCEL_JOB, NULL, owner);
	ippDeleteAttribute(request, ippFindAttribute(request, "printer-uri", IPP_TAG_URI));
	(void)ippAddStringf(request, IPP_TAG_OPERATION, IPP_TAG_URI, "job-uri", NULL,
		"ipp://localhost/jobs/%u", host_job);
	r = ipp_do(http, request, &response);
	if (r == 0)
		ippDelete(response);
	return r;
}
