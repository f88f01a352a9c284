/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <dirent.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fuzz_guest.h"
#include "../fuzz_input.h"
#include "ioat_hw.h"
#include "vfu_helper.h"

struct fuzz_guest guest;

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

void
guest_prepare(void)
{
	struct vfu_helper *helper;

	FUZZ_CHECK(vfu_helper_open(&helper, NULL) == 0); /* it has one descriptor of ours */
	vfu_helper_close(helper, 60000);
	grants_prepare();
	guest.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	FUZZ_CHECK(guest.event_fd >= 0);
}

void
guest_open(unsigned int how)
{
	uint64_t old;

	guest.f = function_get(how);
	guest.fds = open_fds();
	grants_reset();
	while (read(guest.event_fd, &old, sizeof(old)) > 0)
		;
	function_begin(guest.f);
	guest.sent = guest.f->stats.events;
	guest.taken = 0;
	guest.events_count = true;
	guest_join(how >> 2);
}

void
guest_join(unsigned int how)
{
	client_join(&guest.client, guest.f->func, how);
}

void
guest_leave(void)
{
	unsigned int i;

	function_begin(guest.f);
	client_leave(&guest.client);
	function_end(guest.f);
	grants_unmap_all();
	grants_probe(&guest.f->func->mem);
	function_check_power_on(guest.f);
	FUZZ_CHECK(guest.f->func->mem.view_count == 0);
	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		FUZZ_CHECK(guest.f->func->irqs.irq[i].fd == -1);
}

void
guest_close(void)
{
	guest_leave();
	guest_check_events();
	FUZZ_CHECK(open_fds() == guest.fds);
}

void
guest_check_events(void)
{
	uint64_t more;

	while (read(guest.event_fd, &more, sizeof(more)) > 0)
		guest.taken += more;
	function_begin(guest.f);
	if (guest.events_count)
		FUZZ_CHECK(guest.taken == guest.f->stats.events - guest.sent);
}

static void
account_map(const struct fuzz_command *cmd, int error, enum fuzz_backing backing)
{
	struct vfu_dma_map map;
	bool legal = false;

	if (cmd->size == sizeof(map)) {
		memcpy(&map, cmd->body, sizeof(map));
		legal = grants_map_is_legal(&map, backing);
	}
	FUZZ_CHECK(legal == (error == 0));
	if (legal)
		grants_map(&map, backing);
	grants_probe(&guest.f->func->mem);
}

static void
account_unmap(const struct fuzz_command *cmd, int error)
{
	struct vfu_dma_unmap unmap;

	if (error == 0) {
		FUZZ_CHECK(cmd->size == sizeof(unmap));
		memcpy(&unmap, cmd->body, sizeof(unmap));
		if (unmap.flags & VFU_UNMAP_ALL) {
			grants_unmap_all();
		} else {
			FUZZ_CHECK(!grants_cuts(unmap.addr, unmap.size));
			grants_unmap(unmap.addr, unmap.size);
		}
	}
	grants_probe(&guest.f->func->mem);
}

int
guest_command(const struct fuzz_command *cmd, enum fuzz_backing backing)
{
	struct vfu_func_stats stats;
	int error;

	function_begin(guest.f);
	guest.f->func->mem.remote = grants_remote();
	error = client_command(&guest.client, cmd);
	function_end(guest.f);
	vfu_func_stats(guest.f->func, &stats);
	/* SUSPEND finishes the descriptor in flight if that is not too much. */
	FUZZ_CHECK(stats.count.bytes - guest.f->stats.count.bytes <= 4ull << 20);
	if (cmd->command == VFU_DMA_MAP)
		account_map(cmd, error, backing);
	else if (cmd->command == VFU_DMA_UNMAP)
		account_unmap(cmd, error);
	else if (cmd->command == VFU_DEVICE_RESET && error == 0 && !guest.f->faulty)
		function_check_power_on(guest.f);
	return error;
}

int
guest_send(uint16_t number, const void *body, size_t size)
{
	return guest_command(&(struct fuzz_command){number, 0, body, size, NULL, 0},
	                     BACKING_MESSAGES);
}

int
guest_write(uint32_t region, uint64_t offset, const void *data, uint32_t len)
{
	struct vfu_region_access access = {offset, region, len};
	uint8_t body[sizeof(access) + GUEST_BODY_MAX];

	memcpy(body, &access, sizeof(access));
	memcpy(body + sizeof(access), data, len);
	return guest_send(VFU_REGION_WRITE, body, sizeof(access) + len);
}

void
guest_write_reg(uint32_t region, uint64_t offset, unsigned int width, uint64_t value)
{
	FUZZ_CHECK(guest_write(region, offset, &value, width) == 0);
}

int
guest_map(const struct vfu_dma_map *map, enum fuzz_backing backing)
{
	int fd = grants_fd(backing);

	return guest_command(
		&(struct fuzz_command){VFU_DMA_MAP, 0, map, sizeof(*map), &fd, fd >= 0}, backing);
}

int
guest_set_irqs(uint32_t flags, uint32_t index, const int *fd)
{
	struct vfio_irq_set set = {sizeof(set), flags, index, 0, 1};

	return guest_command(
		&(struct fuzz_command){VFU_DEVICE_SET_IRQS, 0, &set, sizeof(set), fd, fd != NULL},
		BACKING_MESSAGES);
}
