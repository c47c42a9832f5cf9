/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-serial: a character device in the guest, a unix socket of QEMU's on the host.
 *
 * The port has one opener and no notion of a connection: the guest's side stays open while hosts
 * come and go, so whoever uses it passes `persistent` to link_new(). On the host, QEMU listens
 * (libvirt's default for <channel type='unix'>) and takes one client.
 */
#include "proto/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "proto/base/cleanup.h"

int transport_virtio_open(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode))
		return -ENOTTY;
	return steal_fd(&fd);
}

int transport_virtio_connect(const char *path)
{
	return transport_unix_connect(path);
}
