/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a channel's descriptor comes about: virtio-serial, vsock, or a plain unix socket. One file
 * each; nothing above knows which it is, but for `persistent` (link.h) and for identity, which is
 * the domain that the descriptor belongs to and never anything that was sent over it.
 */
#ifndef PLATEN_TRANSPORT_H
#define PLATEN_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Guest: opens the port device, e.g. /dev/virtio-ports/org.platen.0, non-blocking. Returns the
 * descriptor or -errno (-EBUSY: another program has it, the port has one opener). */
int transport_virtio_open(const char *path);

/* Host: connects to the unix socket that the domain's live XML names for the channel.
 * Returns the descriptor or -errno. */
int transport_virtio_connect(const char *path);

/* Host: listens on AF_VSOCK, any CID, `port`. Returns the descriptor or -errno. */
int transport_vsock_listen(uint32_t port);

/*
 * Host: takes one connection. ret_cid is the peer's context ID (vsock(7)): vhost drops packets
 * with a forged one. Returns the descriptor; -EPERM when the peer's port is above VSOCK_PEER_MAX
 * (it was closed: not root in the guest); -EAGAIN; -errno.
 */
int transport_vsock_accept(int listener, uint32_t *ret_cid);

/* Guest: connects to the host (CID 2) from a port below 1024. Returns the descriptor, maybe still
 * connecting (-EINPROGRESS is not an error here), or -errno. */
int transport_vsock_connect(uint32_t port);

/* Host: listens at `path`, mode 0600; a stale socket is replaced, another file is not (-EEXIST).
 * Returns the descriptor or -errno. */
int transport_unix_listen(const char *path);

/* Host: takes one connection. Returns the descriptor or -errno (-EAGAIN). */
int transport_unix_accept(int listener);

/* Guest or platenctl: connects to `path`. Returns the descriptor or -errno. */
int transport_unix_connect(const char *path);

#endif
