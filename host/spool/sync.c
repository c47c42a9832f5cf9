/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Syncing files that were opened for us, one after another; and beginning to write back others that
 * grow still, to which nobody waits for an answer.
 *
 * It has nothing to do with cupsd itself: the file in which it saved a job comes with the question.
 * A disk may take minutes, and this program has nothing else to do meanwhile. cupsd has just
 * renamed the file to what it is called: fsync(2) brings that onto the disk, too, where
 * fdatasync(2) need not.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/spool/spooler-ipp.h"
#include "proto/base/cleanup.h"

#define TAIL (1 << 20) /* bytes: the last, on which cupsd writes */

static void write_back(int fd)
{
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > TAIL)
		(void)sync_file_range(fd, 0, st.st_size - TAIL, SYNC_FILE_RANGE_WRITE);
}

int sync_run(void)
{
	static _Alignas(max_align_t) unsigned char buf[IPC_SIZE_MAX];
	int r = sync_sandbox();

	while (r >= 0) {
		_cleanup_close_ int fd = -1;
		struct spool_look *m = (struct spool_look *)buf;

		r = ipc_recv(IPC_FD, buf, sizeof(buf), &fd);
		if (r <= 0)
			break;
		if (m->head.type == SPOOL_WRITE_BACK && m->head.size == sizeof(m->head)) {
			write_back(fd); /* without one where the kernel does not let it over */
			continue;
		}
		if (m->head.type != SPOOL_SYNC || m->head.size != sizeof(*m) || fd < 0)
			return -EPROTO;
		m->head.type = SPOOL_SYNCED;
		m->error = fsync(fd) == 0 ? 0 : (uint32_t)errno;
		r = ipc_send(IPC_FD, m, -1);
	}
	return r;
}
