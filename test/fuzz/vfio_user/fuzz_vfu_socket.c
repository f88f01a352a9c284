/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Hostile client: a stream of messages, half sensible or not at all, to a function that is served
 * in this process. Whatever was sent, the server ends with the client, and then nothing of it is
 * left, no descriptor is open, and no page that was not granted for writing has changed.
 */

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../fuzz_input.h"
#include "ioat_hw.h"
#include "vfu_guard.h"
#include "vfu_session.h"
#include "vfu_wire.h"

#define PAGE     4096u
#define PAGES    32u
#define GUARD    0xc7
#define OPS      64u
#define BODY_MAX 256u
#define BASE     0x100000ull

/** Everything that lives as long as the process, but the two of a run. */
static struct {
	struct vfu_func *funcs[2]; /* as fast as it goes, and one that takes its time */
	struct vfu_func *func;     /* of a run */
	int stop_fd;
	int mem_fd;
	int event_fd;
	uint8_t *mem;
	int client; /* of a run */
	int server; /* of a run */
	bool writable[PAGES];
	unsigned int mood; /* how requests of the server are answered */
	uint8_t rx[1 << 16];
	size_t rx_have;
	struct fuzz_input in;
} w;

static uint64_t
take(unsigned int bytes)
{
	return fuzz_take(&w.in, bytes);
}

/** Send what @p iov holds, with a descriptor unless @p fd is -1; the server may be gone. */
static void
send_iov(struct iovec *iov, size_t count, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = count};

	if (fd >= 0) {
		mh.msg_control = control.space;
		mh.msg_controllen = sizeof(control.space);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	sendmsg(w.client, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
send_message(uint16_t command, uint32_t flags, const void *body, size_t len, int fd)
{
	struct vfu_header header = {1, command, (uint32_t)(sizeof(header) + len), flags, 0};
	struct iovec iov[2] = {{&header, sizeof(header)}, {(void *)(uintptr_t)body, len}};

	send_iov(iov, 2, fd);
}

static void
send_write(uint32_t region, uint64_t offset, uint32_t len, uint64_t value)
{
	struct vfu_region_access access = {offset, region, len};
	uint8_t body[sizeof(access) + 8];

	memcpy(body, &access, sizeof(access));
	memcpy(body + sizeof(access), &value, sizeof(value));
	send_message(VFU_REGION_WRITE, 0, body, sizeof(access) + len, -1);
}

static void
send_map(void)
{
	struct vfu_dma_map map = {.argsz = sizeof(map), .flags = (uint32_t)take(1) & 7};
	uint32_t how = (uint32_t)take(1), i;

	map.offset = take(1) % (PAGES + 4) * PAGE + (how >> 6 == 1 ? 1 : 0);
	map.addr = how & 1 ? take(8) : BASE + take(1) * PAGE;
	map.size = how & 2 ? take(8) : (1 + take(1) % PAGES) * PAGE;
	if (how & 4) {
		send_message(VFU_DMA_MAP, 0, &map, sizeof(map), how & 8 ? w.event_fd : -1);
		return;
	}
	for (i = 0; i < PAGES && map.flags & VFU_MAP_WRITE; i++) {
		if (i * PAGE >= map.offset / PAGE * PAGE &&
		    i * PAGE - map.offset / PAGE * PAGE < map.size)
			w.writable[i] = true;
	}
	send_message(VFU_DMA_MAP, 0, &map, sizeof(map), w.mem_fd);
}

static void
send_any(void)
{
	uint16_t command = (uint16_t)take(1);
	uint32_t flags = (uint32_t)take(1);
	uint8_t body[BODY_MAX];
	size_t len = fuzz_take_bytes(&w.in, body, sizeof(body));

	/* Its memory may only come through send_map(), which keeps account. */
	send_message(command, flags, body, len, flags & 0x80 ? w.event_fd : -1);
}

/** A descriptor into the client's memory, where the engine may be looking. */
static void
poke(void)
{
	struct ioat_desc desc = {.size = (uint32_t)take(2), .ctrl = (uint32_t)take(1)};
	uint32_t slot = (uint32_t)take(1);

	desc.src = BASE + take(3);
	desc.dst = BASE + take(3);
	desc.next = BASE + take(1) * sizeof(desc);
	memcpy(w.mem + slot * sizeof(desc) % (PAGES * PAGE), &desc, sizeof(desc));
	w.writable[slot * sizeof(desc) / PAGE % PAGES] = true; /* by us */
}

static void
send_set_irqs(int fd)
{
	struct vfio_irq_set set = {.argsz = sizeof(set)};

	set.flags = (uint32_t)take(1) & 0x3f;
	set.index = (uint32_t)take(1) % 6;
	set.start = (uint32_t)take(1) & 1;
	set.count = (uint32_t)take(1) & 1;
	send_message(VFU_DEVICE_SET_IRQS, 0, &set, sizeof(set), fd);
}

static void
send_read(void)
{
	struct vfu_region_access access = {take(2), (uint32_t)take(1) % 10, (uint32_t)take(2)};

	send_message(VFU_REGION_READ, 0, &access, sizeof(access), -1);
}

static void
one_operation(void)
{
	uint8_t op = (uint8_t)take(1), body[BODY_MAX];
	struct vfu_dma_unmap unmap = {sizeof(unmap), 0, 0, 0};
	struct iovec iov = {body, 0};

	switch (op & 0xf) {
	case 0:
	case 1:
		send_write(VFIO_PCI_BAR0_REGION_INDEX, 0x80 + take(1) % 0x40, 1u << (op >> 4 & 3),
		           take(8));
		break;
	case 2:
		send_write(VFIO_PCI_BAR0_REGION_INDEX, take(2), 1 + (op >> 4 & 7), take(8));
		break;
	case 3:
		send_write(VFIO_PCI_CONFIG_REGION_INDEX, take(2) % 0x1008, 1 + (op >> 4 & 3),
		           take(4));
		break;
	case 4:
		send_read();
		break;
	case 5:
	case 6:
		send_map();
		break;
	case 7:
		unmap.addr = BASE + take(1) * PAGE;
		unmap.size = take(1) * PAGE;
		send_message(VFU_DMA_UNMAP, 0, &unmap, sizeof(unmap), -1);
		break;
	case 8:
		send_set_irqs(op & 0x10 ? w.event_fd : -1);
		break;
	case 9:
		send_any();
		break;
	case 10:
		iov.iov_len = fuzz_take_bytes(&w.in, body, sizeof(body));
		send_iov(&iov, 1, -1);
		break;
	case 11:
		if (op & 0x10)
			send_message(VFU_DEVICE_RESET, 0, NULL, 0, -1);
		else
			w.mood = op >> 5;
		poll(&(struct pollfd){.fd = w.client, .events = POLLIN}, 1, 1);
		break;
	case 12:
		send_write(VFIO_PCI_CONFIG_REGION_INDEX, 4, 2, 6);
		break;
	case 13:
		send_write(VFIO_PCI_BAR0_REGION_INDEX, 0x90, 8, BASE + take(1) * 64);
		send_write(VFIO_PCI_BAR0_REGION_INDEX, 0x86, 2, take(1));
		break;
	default:
		poke();
		break;
	}
}

/** Answer a request for memory: well, with an error, with too much, or not at all. */
static void
answer_request(const struct vfu_header *ask, const uint8_t *body)
{
	struct vfu_header header = {ask->id, ask->command, 0, VFU_FLAG_REPLY, 0};
	uint8_t reply[sizeof(struct vfu_dma_access) + PAGE] = {0};
	struct iovec iov[2] = {{&header, sizeof(header)}, {reply, 0}};
	struct vfu_dma_access access;

	FUZZ_CHECK(ask->command == VFU_DMA_READ || ask->command == VFU_DMA_WRITE);
	FUZZ_CHECK(ask->size >= sizeof(*ask) + sizeof(access));
	memcpy(&access, body, sizeof(access));
	FUZZ_CHECK(access.count >= 1 && access.count <= PAGE);
	if (ask->command == VFU_DMA_WRITE)
		FUZZ_CHECK(ask->size == sizeof(*ask) + sizeof(access) + access.count);
	memcpy(reply, &access, sizeof(access));
	iov[1].iov_len = sizeof(access) + (ask->command == VFU_DMA_READ ? access.count : 0);
	if (w.mood % 4 == 3)
		return;
	if (w.mood % 4 == 2) {
		header.flags |= VFU_FLAG_ERROR;
		header.error = 14;
	}
	if (w.mood % 8 == 1)
		iov[1].iov_len--;
	header.size = (uint32_t)(sizeof(header) + iov[1].iov_len);
	send_iov(iov, 2, -1);
}

/** Take what the server has sent, and answer what it asks for. @return false: it has gone. */
static bool
receive(int flags)
{
	ssize_t n = recv(w.client, w.rx + w.rx_have, sizeof(w.rx) - w.rx_have, flags);
	struct vfu_header header;
	size_t at = 0;

	if (n <= 0)
		return false;
	w.rx_have += (size_t)n;
	while (w.rx_have - at >= sizeof(header)) {
		memcpy(&header, w.rx + at, sizeof(header));
		FUZZ_CHECK(header.size >= sizeof(header) && header.size <= sizeof(w.rx));
		if (w.rx_have - at < header.size)
			break;
		if ((header.flags & VFU_FLAG_TYPE) == VFU_FLAG_COMMAND)
			answer_request(&header, w.rx + at + sizeof(header));
		at += header.size;
	}
	w.rx_have -= at;
	memmove(w.rx, w.rx + at, w.rx_have);
	return true;
}

static void *
serve(void *arg)
{
	(void)arg;
	vfu_session_serve(w.func, w.server, w.stop_fd);
	return NULL;
}

static void
prepare(void)
{
	static const struct vfu_func_conf fast = {.device = IOAT_MODEL_SKX};
	static const struct vfu_func_conf slow = {
		.device = IOAT_MODEL_IVB,
		.latency_ns = 20000,
		.bytes_per_second = 1000000000,
		.fault = {{{IOAT_MODEL_FAULT_CHANERR, CHANERR_READ_DATA, 1, 0}, true}},
		.faults = 1,
	};

	if (w.funcs[0] != NULL)
		return;
	FUZZ_CHECK(vfu_guard_start() == 0);
	FUZZ_CHECK(vfu_func_create(&w.funcs[0], &fast) == 0);
	FUZZ_CHECK(vfu_func_create(&w.funcs[1], &slow) == 0);
	w.stop_fd = eventfd(0, EFD_CLOEXEC);
	w.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w.mem_fd = memfd_create("client", MFD_CLOEXEC);
	FUZZ_CHECK(w.stop_fd >= 0 && w.event_fd >= 0 && w.mem_fd >= 0);
	FUZZ_CHECK(ftruncate(w.mem_fd, PAGES * PAGE) == 0);
	w.mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, w.mem_fd, 0);
	FUZZ_CHECK(w.mem != MAP_FAILED);
}

static unsigned int
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	FUZZ_CHECK(dir != NULL);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
check_nothing_is_left(unsigned int fds_before)
{
	uint32_t i, j;

	FUZZ_CHECK(open_fds() == fds_before);
	FUZZ_CHECK(w.func->mem.ranges.count == 0 && w.func->mem.view_count == 0);
	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		FUZZ_CHECK(w.func->irqs.irq[i].fd == -1);
	vfu_func_lock(w.func);
	FUZZ_CHECK(ioat_model_read(w.func->model, IOAT_CHAN_BASE(0) + IOAT_CHANSTS, 8) ==
	           IOAT_STATE_HALTED);
	vfu_func_unlock(w.func);
	for (i = 0; i < PAGES; i++) {
		for (j = 0; j < PAGE && !w.writable[i]; j++)
			FUZZ_CHECK(w.mem[i * PAGE + j] == GUARD);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vfu_version version = {VFU_MAJOR, VFU_MINOR};
	unsigned int fds_before, how, i;
	pthread_t thread;
	int pair[2];

	struct vfu_helper *helper;

	prepare();
	FUZZ_CHECK(vfu_helper_open(&helper, NULL) == 0); /* it has one descriptor of ours */
	vfu_helper_close(helper, 60000);
	memset(w.mem, GUARD, PAGES * PAGE);
	memset(w.writable, 0, sizeof(w.writable));
	w.mood = 0;
	w.in = (struct fuzz_input){data, size};
	fds_before = open_fds();
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	w.client = pair[0];
	w.server = pair[1];
	w.rx_have = 0;
	how = (unsigned int)take(1);
	w.func = w.funcs[how >> 7];
	FUZZ_CHECK(pthread_create(&thread, NULL, serve, NULL) == 0);
	if (how & 0x7f) /* else the input speaks for itself */
		send_message(VFU_VERSION, 0, &version, sizeof(version), -1);
	for (i = 0; i < OPS && w.in.left != 0; i++) {
		one_operation();
		while (receive(MSG_DONTWAIT))
			;
	}
	shutdown(w.client, SHUT_WR);
	while (receive(0))
		;
	pthread_join(thread, NULL);
	close(w.client);
	check_nothing_is_left(fds_before);
	return 0;
}
