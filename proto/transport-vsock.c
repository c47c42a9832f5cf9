/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock(7): the host listens, the guest connects to CID 2.
 *
 * vhost drops a packet whose CID is not the VM's own, so the peer's CID tells the VM; which domain
 * that is, only libvirt knows, and a CID can be given out again, so the caller asks libvirt at
 * every connection. A port below 1024 shows that the guest's root speaks (the guest's kernel wants
 * CAP_NET_BIND_SERVICE for it): other users of the guest cannot pose as its agent.
 */
#include "proto/transport.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>

#include "proto/base/cleanup.h"
#include "proto/limits.h"

#define PORT_LEAST 512 /* the range that rresvport(3) draws from */

int transport_vsock_listen(uint32_t port)
{
	_cleanup_close_ int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = port,
	};

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 64) < 0)
		return -errno;
	return steal_fd(&fd);
}

int transport_vsock_accept(int listener, uint32_t *ret_cid)
{
	struct sockaddr_vm peer;
	socklen_t size = sizeof(peer);
	_cleanup_close_ int fd =
		accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (size < sizeof(peer) || peer.svm_family != AF_VSOCK || peer.svm_port > VSOCK_PEER_MAX)
		return -EPERM;
	*ret_cid = peer.svm_cid;
	return steal_fd(&fd);
}

int transport_vsock_connect(uint32_t port)
{
	_cleanup_close_ int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_vm host = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_HOST,
		.svm_port = port,
	};
	uint32_t start = 0;

	if (fd < 0)
		return -errno;
	if (getrandom(&start, sizeof(start), 0) < 0)
		return -errno;
	for (uint32_t i = 0;; i++) {
		struct sockaddr_vm own = {
			.svm_family = AF_VSOCK,
			.svm_cid = VMADDR_CID_ANY,
			.svm_port = PORT_LEAST + (start + i) % (VSOCK_PEER_MAX + 1 - PORT_LEAST),
		};

		if (bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0)
			break;
		if (errno != EADDRINUSE || i > VSOCK_PEER_MAX)
			return -errno;
	}
	if (connect(fd, (struct sockaddr *)&host, sizeof(host)) < 0 && errno != EINPROGRESS)
		return -errno;
	return steal_fd(&fd);
}
