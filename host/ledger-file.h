/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's file: opened, checked, brought to the schema of today, or set aside. */
#ifndef PLATEN_LEDGER_FILE_H
#define PLATEN_LEDGER_FILE_H

#include <stdbool.h>

struct sqlite3; /* sqlite3.h is for the two files of the ledger only */

/* The columns of a job's row, in the order in which ledger.c binds and reads them. */
#define LEDGER_COLUMNS                                                                             \
	"workspace, job, file, state, host_job, pages, pool, size, opened, ended,"                 \
	" workspace_name, printer, title, user, owner, text, guest_job, ask, decided, heard,"      \
	" sheets, released"

/* -errno for what SQLite says; a full disk, which it tells in several ways, is always -ENOSPC. */
int ledger_error(struct sqlite3 *db, int sqlite);

/* Opens or makes `path`, and sees that all of it can be read. One that is damaged or of another
 * schema is renamed to PATH.damaged, in place of an earlier one, and begun anew, which ret_damaged
 * tells, at each opening until the caller says that the new one has it noted. 0; -EACCES, -ENOSPC,
 * -EIO. */
int ledger_file_open(const char *path, bool *ret_damaged, struct sqlite3 **ret_db);

/* That it was damaged is on disk in the new one. 0 or -errno. */
int ledger_file_told(const char *path);

#endif
