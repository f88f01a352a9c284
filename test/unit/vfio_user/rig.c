/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"
#include "vfu_guard.h"
#include "vfu_session.h"

static const char capabilities[] =
	"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576,"
	"\"max_dma_maps\":65535,\"pgsizes\":4096,\"write_multiple\":true}}";

static void *
rig_thread(void *arg)
{
	struct rig *r = arg;

	r->result = vfu_session_serve(r->func, r->server_fd, r->stop_fd);
	return NULL;
}

void
rig_join(struct rig *r)
{
	int pair[2];

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	r->fd = pair[0];
	r->server_fd = pair[1];
	CHECK_INT(pthread_create(&r->thread, NULL, rig_thread, r), ==, 0);
}

void
rig_open(struct rig *r, const struct vfu_func_conf *conf)
{
	static const struct vfu_func_conf standard = {.device = IOAT_MODEL_ICX};

	*r = (struct rig){0};
	CHECK_INT(vfu_guard_start(), ==, 0);
	CHECK_INT(vfu_func_create(&r->func, conf != NULL ? conf : &standard), ==, 0);
	r->stop_fd = eventfd(0, EFD_CLOEXEC);
	r->mem_fd = memfd_create("client", MFD_CLOEXEC);
	CHECK(r->stop_fd >= 0 && r->mem_fd >= 0);
	CHECK_INT(ftruncate(r->mem_fd, MEM_SIZE), ==, 0);
	r->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, r->mem_fd, 0);
	CHECK(r->mem != MAP_FAILED);
	memset(r->mem, GUARD, MEM_SIZE);
	rig_join(r);
}

void
rig_open_ready(struct rig *r, const struct vfu_func_conf *conf)
{
	rig_open(r, conf);
	CHECK_INT(rig_version(r), >, 0);
	CHECK_INT(rig_map(r, MEM_BASE, MEM_SIZE, VFU_MAP_READ | VFU_MAP_WRITE, r->mem_fd, 0), ==,
	          0);
	rig_write(r, CFG, 4, 6, 2);
}

int
rig_leave(struct rig *r)
{
	if (r->fd >= 0) {
		close(r->fd);
		r->fd = -1;
		pthread_join(r->thread, NULL);
	}
	return r->result;
}

void
rig_close(struct rig *r)
{
	rig_leave(r);
	vfu_func_destroy(r->func);
	munmap(r->mem, MEM_SIZE);
	close(r->mem_fd);
	close(r->stop_fd);
}

void
rig_send(struct rig *r, const void *data, size_t len)
{
	CHECK_INT(send(r->fd, data, len, MSG_NOSIGNAL), ==, len);
}

static void
send_message(struct rig *r, const struct vfu_header *header, const void *body, size_t len,
             const int *fds, size_t fd_count)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(64 * sizeof(int))];
	} control = {0};
	struct iovec iov[2] = {{(void *)(uintptr_t)header, sizeof(*header)},
	                       {(void *)(uintptr_t)body, len}};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 2};

	if (fd_count != 0) {
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, fd_count * sizeof(int));
	}
	/* Small enough for the socket's buffer, so never in pieces; the server may be gone. */
	sendmsg(r->fd, &mh, MSG_NOSIGNAL);
}

/** Receive exactly @p len bytes, each piece within RIG_WAIT_MS. */
static int
receive(struct rig *r, void *to, size_t len)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	char *at = to;

	while (len > 0) {
		ssize_t n;

		if (poll(&p, 1, RIG_WAIT_MS) != 1)
			return -ETIMEDOUT;
		n = recv(r->fd, at, len, 0);
		if (n <= 0)
			return -ECONNRESET;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/** Serve a DMA command of the server from the client's memory. */
static void
answer_dma(struct rig *r, const struct vfu_header *ask, const uint8_t *body)
{
	struct vfu_header header = {
		.id = ask->id, .command = ask->command, .flags = VFU_FLAG_REPLY};
	uint8_t reply[sizeof(struct vfu_dma_access) + 65536];
	struct vfu_dma_access access;
	size_t len;

	memcpy(&access, body, sizeof(access));
	memcpy(reply, &access, sizeof(access));
	if (ask->command == VFU_DMA_READ) {
		r->dma_reads++;
		len = sizeof(access) + access.count;
		memcpy(reply + sizeof(access), rig_at(r, access.addr), access.count);
	} else {
		r->dma_writes++;
		len = sizeof(struct vfu_dma_written);
		if (r->dma_error == 0)
			memcpy(rig_at(r, access.addr), body + sizeof(access), access.count);
	}
	if (r->dma_silent)
		return;
	if (r->dma_error != 0) {
		header.flags |= VFU_FLAG_ERROR;
		header.error = (uint32_t)r->dma_error;
		len = 0;
	}
	len -= r->dma_wrong_size ? 1 : 0;
	header.size = (uint32_t)(sizeof(header) + len);
	send_message(r, &header, reply, len, NULL, 0);
}

int
rig_reply(struct rig *r, void *reply, size_t room)
{
	struct vfu_header header;
	uint8_t *body;
	size_t len;
	int rc;

	for (;;) {
		rc = receive(r, &header, sizeof(header));
		if (rc < 0)
			return rc;
		CHECK_INT(header.size, >=, sizeof(header));
		len = header.size - sizeof(header);
		body = malloc(len + 1);
		CHECK(body != NULL);
		rc = receive(r, body, len);
		if (rc == 0 && (header.flags & VFU_FLAG_TYPE) == VFU_FLAG_COMMAND) {
			answer_dma(r, &header, body);
			free(body);
			continue;
		}
		if (rc == 0 && reply != NULL)
			memcpy(reply, body, len < room ? len : room);
		free(body);
		if (rc < 0)
			return rc;
		CHECK_INT(header.flags & VFU_FLAG_TYPE, ==, VFU_FLAG_REPLY);
		CHECK_INT(header.id, ==, r->id);
		if (header.flags & VFU_FLAG_ERROR) {
			CHECK_INT(len, ==, 0); /* as specified */
			return -(int)header.error;
		}
		return (int)len;
	}
}

int
rig_call_fds(struct rig *r, unsigned int command, const void *body, size_t len, const int *fds,
             size_t fd_count, void *reply, size_t room)
{
	struct vfu_header header = {
		.id = ++r->id,
		.command = (uint16_t)command,
		.size = (uint32_t)(sizeof(header) + len),
	};

	send_message(r, &header, body, len, fds, fd_count);
	return rig_reply(r, reply, room);
}

void
rig_post_fds(struct rig *r, unsigned int command, const void *body, size_t len, const int *fds,
             size_t fd_count)
{
	struct vfu_header header = {
		.id = ++r->id,
		.command = (uint16_t)command,
		.size = (uint32_t)(sizeof(header) + len),
		.flags = VFU_FLAG_NO_REPLY,
	};

	send_message(r, &header, body, len, fds, fd_count);
}

int
rig_call(struct rig *r, unsigned int command, const void *body, size_t len, void *reply,
         size_t room)
{
	return rig_call_fds(r, command, body, len, NULL, 0, reply, room);
}

bool
rig_is_cut_off(struct rig *r)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	char c;

	while (poll(&p, 1, RIG_WAIT_MS) == 1) {
		if (recv(r->fd, &c, 1, 0) <= 0)
			return true;
	}
	return false;
}

int
rig_version(struct rig *r)
{
	char body[sizeof(struct vfu_version) + sizeof(capabilities)];
	struct vfu_version version = {VFU_MAJOR, VFU_MINOR};

	memcpy(body, &version, sizeof(version));
	memcpy(body + sizeof(version), capabilities, sizeof(capabilities));
	return rig_call(r, VFU_VERSION, body, sizeof(body), NULL, 0);
}

int
rig_map(struct rig *r, uint64_t addr, uint64_t size, uint32_t rights, int fd, uint64_t offset)
{
	struct vfu_dma_map map = {sizeof(map), rights, offset, addr, size};

	return rig_call_fds(r, VFU_DMA_MAP, &map, sizeof(map), &fd, fd >= 0 ? 1 : 0, NULL, 0);
}

int
rig_unmap(struct rig *r, uint64_t addr, uint64_t size)
{
	struct vfu_dma_unmap unmap = {sizeof(unmap), 0, addr, size}, back;
	int rc = rig_call(r, VFU_DMA_UNMAP, &unmap, sizeof(unmap), &back, sizeof(back));

	if (rc >= 0) {
		CHECK_INT(rc, ==, sizeof(back));
		CHECK_MEM(&unmap, &back, sizeof(back)); /* the original entry, as specified */
	}
	return rc;
}

int
rig_set_irqs(struct rig *r, uint32_t flags, uint32_t index, uint32_t count, int fd)
{
	struct vfio_irq_set set = {sizeof(set), flags, index, 0, count};

	return rig_call_fds(r, VFU_DEVICE_SET_IRQS, &set, sizeof(set), &fd, fd >= 0 ? 1 : 0, NULL,
	                    0);
}

uint64_t
rig_read(struct rig *r, uint32_t region, uint64_t offset, uint32_t len)
{
	struct vfu_region_access access = {offset, region, len};
	uint8_t reply[sizeof(access) + 8] = {0};
	uint64_t value = 0;

	CHECK_INT(rig_call(r, VFU_REGION_READ, &access, sizeof(access), reply, sizeof(reply)), ==,
	          sizeof(access) + len);
	CHECK_MEM(reply, &access, sizeof(access));
	memcpy(&value, reply + sizeof(access), len);
	return value;
}

void
rig_write(struct rig *r, uint32_t region, uint64_t offset, uint64_t value, uint32_t len)
{
	struct vfu_region_access access = {offset, region, len};
	uint8_t body[sizeof(access) + 8];

	memcpy(body, &access, sizeof(access));
	memcpy(body + sizeof(access), &value, len);
	CHECK_INT(rig_call(r, VFU_REGION_WRITE, body, sizeof(access) + len, NULL, 0), ==,
	          sizeof(access));
}

void *
rig_at(struct rig *r, uint64_t addr)
{
	CHECK(addr >= MEM_BASE && addr < MEM_BASE + MEM_SIZE);
	return r->mem + (addr - MEM_BASE);
}

void
rig_copy_desc(struct rig *r, unsigned int slot, uint64_t src, uint64_t dst, uint32_t size,
              uint32_t ctrl)
{
	struct ioat_desc desc = {
		.size = size,
		.ctrl = ctrl,
		.src = src,
		.dst = dst,
		.next = RING + (slot + 1) * sizeof(desc),
	};

	memcpy(rig_at(r, RING + slot * sizeof(desc)), &desc, sizeof(desc));
}

void
rig_arm(struct rig *r)
{
	uint32_t errors = (uint32_t)rig_read(r, BAR, CHAN(IOAT_CHANERR), 4);

	rig_write(r, BAR, CHAN(IOAT_CHANERR), errors, 4);
	rig_write(r, BAR, CHAN(IOAT_CHANCMD), CHANCMD_RESET, 1);
	CHECK_INT(rig_read(r, BAR, CHAN(IOAT_CHANCMD), 1), ==, 0);
	rig_write(r, BAR, CHAN(IOAT_CHANCTRL),
	          CHANCTRL_ERR_INT_EN | CHANCTRL_ANY_ERR_ABORT | CHANCTRL_ERR_COMPL_EN |
	                  CHANCTRL_INT_DISABLE,
	          2);
	rig_write(r, BAR, CHAN(IOAT_CHANCMP), (uint32_t)CMP, 4);
	rig_write(r, BAR, CHAN(IOAT_CHANCMP) + 4, CMP >> 32, 4);
	rig_write(r, BAR, CHAN(IOAT_CHAINADDR), (uint32_t)RING, 4);
	rig_write(r, BAR, CHAN(IOAT_CHAINADDR) + 4, RING >> 32, 4);
	CHECK_INT(rig_read(r, BAR, CHAN(IOAT_CHANSTS), 8), ==, IOAT_STATE_ARMED);
}

enum ioat_state
rig_ring(struct rig *r, uint16_t count)
{
	enum ioat_state state;
	unsigned int i;

	rig_write(r, BAR, CHAN(IOAT_DMACOUNT), count, 2);
	for (i = 0; i < RIG_WAIT_MS * 10; i++) {
		state = (enum ioat_state)(rig_read(r, BAR, CHAN(IOAT_CHANSTS), 8) & CHANSTS_STATE);
		if (state != IOAT_STATE_ACTIVE)
			return state;
		if (i > 100)
			usleep(100);
	}
	return IOAT_STATE_ACTIVE;
}

unsigned int
rig_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	CHECK(dir != NULL);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}
