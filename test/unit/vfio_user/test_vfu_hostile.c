/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* A client that does not mean well. After each test the same server process serves on. */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"

static void
send_header(struct rig *r, uint16_t command, uint32_t size, uint32_t flags)
{
	struct vfu_header header = {++r->id, command, size, flags, 0};

	rig_send(r, &header, sizeof(header));
}

/** A header that must end the connection. */
static void
check_header_ends_it(uint16_t command, uint32_t size, uint32_t flags)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	send_header(&r, command, size, flags);
	CHECK(rig_is_cut_off(&r));
	CHECK_INT(rig_leave(&r), ==, -EPROTO);
	rig_close(&r);
}

TEST(message_shorter_than_its_header_ends_the_connection)
{
	check_header_ends_it(VFU_DEVICE_RESET, 0, 0);
	check_header_ends_it(VFU_DEVICE_RESET, 15, 0);
}

TEST(message_longer_than_the_limit_ends_the_connection)
{
	check_header_ends_it(VFU_REGION_WRITE, VFU_MESSAGE_MAX + 1, 0);
	check_header_ends_it(VFU_REGION_WRITE, UINT32_MAX, 0);
}

TEST(message_that_is_neither_command_nor_reply_ends_the_connection)
{
	check_header_ends_it(VFU_DEVICE_RESET, 16, 2);
	check_header_ends_it(VFU_DEVICE_RESET, 16, 0xf);
}

TEST(command_before_version_ends_the_connection)
{
	struct rig r;

	rig_open(&r, NULL);
	CHECK_INT(rig_call(&r, VFU_DEVICE_RESET, NULL, 0, NULL, 0), ==, -ECONNRESET);
	CHECK_INT(rig_leave(&r), ==, -EPROTO);
	rig_close(&r);
}

TEST(other_major_version_is_told_and_ends_the_connection)
{
	struct vfu_version version = {1, 0};
	struct rig r;

	rig_open(&r, NULL);
	CHECK_INT(rig_call(&r, VFU_VERSION, &version, sizeof(version), NULL, 0), ==, -EPROTO);
	CHECK(rig_is_cut_off(&r));
	rig_close(&r);
}

TEST(second_version_is_refused)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	CHECK_INT(rig_version(&r), ==, -EINVAL);
	CHECK_INT(rig_read(&r, CFG, 0, 2), ==, 0x8086);
	rig_close(&r);
}

TEST(reply_that_was_never_asked_for_is_dropped)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	send_header(&r, VFU_DMA_READ, 16, VFU_FLAG_REPLY);
	send_header(&r, VFU_DMA_WRITE, 16, VFU_FLAG_REPLY | VFU_FLAG_ERROR);
	CHECK_INT(rig_read(&r, CFG, 0, 2), ==, 0x8086);
	rig_close(&r);
}

TEST(unknown_commands_are_refused_with_enotsup)
{
	static const uint16_t unknown[] = {0, 11, 12, 14, 16, 17, 18, 19, 255, UINT16_MAX};
	uint8_t body[64] = {0};
	struct rig r;
	size_t i;

	rig_open_ready(&r, NULL);
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		CHECK_INT(rig_call(&r, unknown[i], body, sizeof(body), NULL, 0), ==, -ENOTSUP);
	rig_close(&r);
}

TEST(every_command_refuses_a_body_that_is_too_short)
{
	static const uint16_t shortest[][2] = {
		{VFU_DMA_MAP, 32},
		{VFU_DMA_UNMAP, 24},
		{VFU_DEVICE_GET_INFO, 16},
		{VFU_DEVICE_GET_REGION_INFO, 32},
		{VFU_DEVICE_GET_REGION_IO_FDS, 16},
		{VFU_DEVICE_GET_IRQ_INFO, 16},
		{VFU_DEVICE_SET_IRQS, 20},
		{VFU_REGION_READ, 16},
		{VFU_REGION_WRITE, 17},
		{VFU_REGION_WRITE_MULTI, 8},
	};
	uint8_t body[64];
	struct rig r;
	uint16_t len;
	size_t i;

	memset(body, 0xff, sizeof(body));
	rig_open_ready(&r, NULL);
	for (i = 0; i < sizeof(shortest) / sizeof(shortest[0]); i++) {
		for (len = 0; len < shortest[i][1]; len++)
			CHECK_INT(rig_call(&r, shortest[i][0], body, len, NULL, 0), ==, -EINVAL);
	}
	rig_close(&r);
}

TEST(argsz_smaller_than_the_reply_is_refused)
{
	uint32_t info[8] = {15};
	struct rig r;

	rig_open_ready(&r, NULL);
	CHECK_INT(rig_call(&r, VFU_DEVICE_GET_INFO, info, 16, NULL, 0), ==, -EINVAL);
	CHECK_INT(rig_call(&r, VFU_DEVICE_GET_IRQ_INFO, info, 16, NULL, 0), ==, -EINVAL);
	CHECK_INT(rig_call(&r, VFU_DEVICE_GET_REGION_IO_FDS, info, 16, NULL, 0), ==, -EINVAL);
	info[0] = 31;
	CHECK_INT(rig_call(&r, VFU_DEVICE_GET_REGION_INFO, info, 32, NULL, 0), ==, -EINVAL);
	rig_close(&r);
}

TEST(indices_beyond_the_last_are_refused)
{
	uint32_t info[8] = {sizeof(info), 0, VFIO_PCI_NUM_REGIONS};
	struct rig r;

	rig_open_ready(&r, NULL);
	CHECK_INT(rig_call(&r, VFU_DEVICE_GET_REGION_INFO, info, 32, NULL, 0), ==, -EINVAL);
	CHECK_INT(rig_call(&r, VFU_DEVICE_GET_REGION_IO_FDS, info, 16, NULL, 0), ==, -EINVAL);
	info[2] = VFIO_PCI_NUM_IRQS;
	CHECK_INT(rig_call(&r, VFU_DEVICE_GET_IRQ_INFO, info, 16, NULL, 0), ==, -EINVAL);
	info[2] = UINT32_MAX;
	CHECK_INT(rig_call(&r, VFU_DEVICE_GET_REGION_INFO, info, 32, NULL, 0), ==, -EINVAL);
	CHECK_INT(rig_call(&r, VFU_DEVICE_GET_IRQ_INFO, info, 16, NULL, 0), ==, -EINVAL);
	rig_close(&r);
}

TEST(accesses_outside_of_a_region_are_refused)
{
	static const struct vfu_region_access bad[] = {
		{0, BAR, 0},
		{0, CFG, 0},
		{IOAT_BAR_SIZE, BAR, 1},
		{IOAT_BAR_SIZE - 1, BAR, 2},
		{0, BAR, IOAT_BAR_SIZE + 1},
		{4096, CFG, 1},
		{UINT64_MAX, CFG, 1},
		{UINT64_MAX - 3, BAR, 8},
		{1ull << 32, BAR, 4},
		{0, BAR, UINT32_MAX},
		{0, VFIO_PCI_BAR1_REGION_INDEX, 1},
		{0, VFIO_PCI_ROM_REGION_INDEX, 1},
		{0, VFIO_PCI_VGA_REGION_INDEX, 1},
		{0, VFIO_PCI_NUM_REGIONS, 1},
		{0, UINT32_MAX, 1},
	};
	struct rig r;
	size_t i;

	rig_open_ready(&r, NULL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_INT(rig_call(&r, VFU_REGION_READ, &bad[i], sizeof(bad[i]), NULL, 0), ==,
		          -EINVAL);
		CHECK_INT(rig_call(&r, VFU_REGION_WRITE, &bad[i], sizeof(bad[i]), NULL, 0), ==,
		          -EINVAL);
	}
	rig_close(&r);
}

TEST(write_with_more_or_less_data_than_its_count_is_refused)
{
	struct {
		struct vfu_region_access access;
		uint8_t data[16];
	} write = {{0x98, BAR, 8}, {0}};
	struct rig r;

	rig_open_ready(&r, NULL);
	CHECK_INT(rig_call(&r, VFU_REGION_WRITE, &write, 16 + 7, NULL, 0), ==, -EINVAL);
	CHECK_INT(rig_call(&r, VFU_REGION_WRITE, &write, 16 + 9, NULL, 0), ==, -EINVAL);
	CHECK_INT(rig_call(&r, VFU_REGION_WRITE, &write, 16 + 8, NULL, 0), ==, 16);
	rig_close(&r);
}

TEST(write_multi_with_a_wrong_count_does_nothing)
{
	struct {
		uint64_t count;
		struct vfu_region_write write[2];
	} multi = {2, {{4, CFG, 2, {0}}, {4, CFG, 9, {0}}}};
	static const uint64_t counts[] = {0, 1, 3, 1ull << 32, UINT64_MAX, 1ull << 61};
	struct rig r;
	size_t i;

	rig_open_ready(&r, NULL);
	CHECK_INT(rig_call(&r, VFU_REGION_WRITE_MULTI, &multi, sizeof(multi), NULL, 0), ==,
	          -EINVAL);
	multi.write[1].count = 2;
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		multi.count = counts[i];
		CHECK_INT(rig_call(&r, VFU_REGION_WRITE_MULTI, &multi, sizeof(multi), NULL, 0), ==,
		          -EINVAL);
	}
	CHECK_INT(rig_read(&r, CFG, 4, 2), ==, 6); /* as it was */
	rig_close(&r);
}

TEST(command_that_asks_for_no_reply_gets_none)
{
	struct rig r;

	rig_open_ready(&r, NULL);
	send_header(&r, VFU_DEVICE_RESET, 16, VFU_FLAG_NO_REPLY);
	send_header(&r, 99, 16, VFU_FLAG_NO_REPLY);
	CHECK_INT(rig_read(&r, CFG, 4, 2), ==, 0); /* and this is the next reply */
	rig_close(&r);
}

TEST(message_in_single_bytes_is_one_message)
{
	struct vfu_region_access access = {0, CFG, 4};
	struct vfu_header header = {0, VFU_REGION_READ, sizeof(header) + sizeof(access), 0, 0};
	uint8_t all[sizeof(header) + sizeof(access)];
	struct rig r;
	size_t i;

	rig_open_ready(&r, NULL);
	header.id = ++r.id;
	memcpy(all, &header, sizeof(header));
	memcpy(all + sizeof(header), &access, sizeof(access));
	for (i = 0; i < sizeof(all); i++) {
		rig_send(&r, &all[i], 1);
		usleep(500);
	}
	CHECK_INT(rig_reply(&r, NULL, 0), ==, sizeof(access) + 4);
	rig_close(&r);
}

TEST(client_that_leaves_in_the_middle_of_a_message_leaves_nothing_behind)
{
	struct rig r;
	unsigned int before;

	rig_open_ready(&r, NULL);
	before = rig_open_fds();
	send_header(&r, VFU_REGION_WRITE, 1000, 0);
	rig_send(&r, "half", 4);
	CHECK_INT(rig_leave(&r), ==, -ECONNRESET);
	CHECK_INT(rig_open_fds(), ==, before - 2);
	rig_close(&r);
}

TEST(descriptors_that_nobody_wants_are_closed)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	struct vfu_dma_map map = {sizeof(map), 3, 0, 1, 4096};
	struct vfu_region_access access = {0, CFG, 4};
	unsigned int before, i;
	struct rig r;

	rig_open_ready(&r, NULL);
	before = rig_open_fds();
	for (i = 0; i < 200; i++) {
		/* With an address that is none, where none may come, with no command. */
		CHECK_INT(rig_call_fds(&r, VFU_DMA_MAP, &map, sizeof(map), &efd, 1, NULL, 0), ==,
		          -EINVAL);
		CHECK_INT(rig_call_fds(&r, VFU_REGION_READ, &access, sizeof(access), &efd, 1, NULL,
		                       0),
		          ==, -EINVAL);
		CHECK_INT(rig_call_fds(&r, 99, NULL, 0, &efd, 1, NULL, 0), ==, -ENOTSUP);
	}
	rig_read(&r, CFG, 0, 2); /* the server frees a message once it has answered it */
	CHECK_INT(rig_open_fds(), ==, before);
	rig_close(&r);
	close(efd);
}

TEST(more_descriptors_than_one_end_the_connection_and_are_closed)
{
	static const size_t counts[] = {2, 3, 32};
	int fds[32], efd = eventfd(0, EFD_CLOEXEC);
	unsigned int before = rig_open_fds();
	struct rig r;
	size_t i;

	for (i = 0; i < 32; i++)
		fds[i] = efd;
	for (i = 0; i < 3; i++) {
		rig_open_ready(&r, NULL);
		CHECK_INT(rig_call_fds(&r, VFU_DEVICE_RESET, NULL, 0, fds, counts[i], NULL, 0), ==,
		          -ECONNRESET);
		CHECK_INT(rig_leave(&r), ==, -EPROTO);
		rig_close(&r);
	}
	CHECK_INT(rig_open_fds(), ==, before);
	close(efd);
}

TEST(server_without_room_for_a_descriptor_says_so)
{
	struct rlimit limit, few;
	int efd = eventfd(0, EFD_CLOEXEC), probe;
	struct rig r;

	rig_open_ready(&r, NULL);
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	probe = dup(efd);
	close(probe);
	few = (struct rlimit){(rlim_t)probe, limit.rlim_max};
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), ==, 0);
	CHECK_INT(rig_call_fds(&r, VFU_DEVICE_RESET, NULL, 0, &efd, 1, NULL, 0), ==, -ECONNRESET);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	CHECK_INT(rig_leave(&r), ==, -EMFILE);
	rig_close(&r);
	close(efd);
}

TEST(client_that_says_nothing_is_dismissed)
{
	struct vfu_func_conf conf = {.device = IOAT_MODEL_ICX, .wait_ms = 100};
	struct rig r;

	rig_open(&r, &conf);
	CHECK(rig_is_cut_off(&r));
	CHECK_INT(rig_leave(&r), ==, -ETIMEDOUT);
	rig_close(&r);
}

TEST(message_that_is_never_completed_ends_the_connection_silence_between_two_does_not)
{
	struct vfu_func_conf conf = {.device = IOAT_MODEL_ICX, .wait_ms = 200};
	struct rig r;

	rig_open_ready(&r, &conf);
	usleep(400000);
	CHECK_INT(rig_read(&r, CFG, 0, 2), ==, 0x8086);
	rig_send(&r, "half", 4);
	CHECK(rig_is_cut_off(&r));
	CHECK_INT(rig_leave(&r), ==, -ETIMEDOUT);
	rig_close(&r);
}

/* Its close() would wait an hour for a peer that does not read. */
TEST(socket_that_lingers_is_closed_at_once)
{
	struct linger hour = {1, 3600};
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0), peer;
	static char block[65536];
	struct rig r;

	CHECK_INT(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
	CHECK_INT(listen(listener, 1), ==, 0);
	CHECK_INT(getsockname(listener, (struct sockaddr *)&addr, &len), ==, 0);
	CHECK_INT(connect(fd, (struct sockaddr *)&addr, len), ==, 0);
	peer = accept(listener, NULL, NULL);
	CHECK(peer >= 0);
	while (send(fd, block, sizeof(block), MSG_DONTWAIT) > 0)
		;
	CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof(hour)), ==, 0);
	rig_open_ready(&r, NULL);
	CHECK_INT(rig_call_fds(&r, VFU_DEVICE_RESET, NULL, 0, &fd, 1, NULL, 0), ==, -EINVAL);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof(hour));
	rig_close(&r); /* joins the server */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(hour));
	close(fd);
	close(peer);
	close(listener);
}

TEST(replaced_eventfds_are_closed)
{
	uint32_t flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	int efd = eventfd(0, EFD_CLOEXEC);
	unsigned int before, i;
	struct rig r;

	rig_open_ready(&r, NULL);
	before = rig_open_fds();
	for (i = 0; i < 200; i++)
		CHECK_INT(rig_set_irqs(&r, flags, i % VFIO_PCI_NUM_IRQS == 1 ? 0 : i % 5, 1, efd),
		          ==, 0);
	CHECK_INT(rig_open_fds(), <=, before + 4);
	rig_leave(&r);
	CHECK_INT(rig_open_fds(), ==, before - 2);
	rig_close(&r);
	close(efd);
}

TEST(memory_of_things_that_are_no_memory_is_refused)
{
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), pipes[2];
	struct rig r;

	CHECK_INT(pipe(pipes), ==, 0);
	rig_open_ready(&r, NULL);
	CHECK_INT(rig_map(&r, 0x80000000, 4096, 1, dir, 0), <, 0);
	CHECK_INT(rig_map(&r, 0x80000000, 4096, 1, pipes[0], 0), <, 0);
	CHECK_INT(rig_map(&r, 0x80000000, 4096, 1, r.fd, 0), <, 0);
	CHECK_INT(rig_map(&r, 0x80000000, 4096, 1, r.mem_fd, 0), ==, 0);
	rig_close(&r);
	close(dir);
	close(pipes[0]);
	close(pipes[1]);
}

/* The self-linked descriptor that runs 65535 times, while the client goes on asking. */
TEST(endless_work_does_not_keep_the_socket_waiting)
{
	struct ioat_desc loop = {.size = 1u << 20, .src = MEM_BASE, .dst = MEM_BASE, .next = RING};
	struct rig r;
	int i;

	rig_open_ready(&r, NULL);
	memset(r.mem, 0, MEM_SIZE);
	memcpy(rig_at(&r, RING), &loop, sizeof(loop));
	rig_arm(&r);
	rig_write(&r, BAR, CHAN(IOAT_DMACOUNT), 65535, 2);
	for (i = 0; i < 50; i++)
		CHECK_INT(rig_read(&r, CFG, 0, 2), ==, 0x8086);
	/* The work takes many seconds of a processor: the answers did not come behind it. */
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANSTS), 8) & CHANSTS_STATE, ==, IOAT_STATE_ACTIVE);
	rig_write(&r, CFG, 0x98, 0x8000, 2);
	rig_write(&r, CFG, 4, 6, 2);
	CHECK_INT(rig_read(&r, BAR, CHAN(IOAT_CHANSTS), 8), ==, IOAT_STATE_HALTED);
	rig_close(&r);
}

TEST(client_that_does_not_take_replies_is_dismissed)
{
	struct vfu_func_conf conf = {.device = IOAT_MODEL_ICX, .wait_ms = 300};
	struct vfu_region_access access = {0, BAR, IOAT_BAR_SIZE};
	struct vfu_header header = {1, VFU_REGION_READ, sizeof(header) + sizeof(access), 0, 0};
	struct rig r;
	uint8_t all[sizeof(header) + sizeof(access)];
	ssize_t n = 0;
	int i;

	rig_open_ready(&r, &conf);
	memcpy(all, &header, sizeof(header));
	memcpy(all + sizeof(header), &access, sizeof(access));
	for (i = 0; i < 100000 && n >= 0; i++)
		n = send(r.fd, all, sizeof(all), MSG_NOSIGNAL | (i > 10 ? MSG_DONTWAIT : 0));
	CHECK(n < 0); /* the socket is full in both directions */
	pthread_join(r.thread, NULL);
	CHECK_INT(r.result, ==, -ETIMEDOUT);
	close(r.fd);
	r.fd = -1;
	rig_join(&r);
	CHECK_INT(rig_version(&r), >, 0);
	rig_close(&r);
}

TEST_MAIN("vfu_hostile")
