/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vfio.h>

#include "ioat_hw.h"
#include "vfu_serve.h"
#include "vfu_version.h"

#define NO_FD (-1)
/* The protocol has the first four fields of the kernel's structure. */
#define DEVICE_INFO_SIZE (4 * sizeof(uint32_t))

struct vfu_serve {
	struct vfu_func *func;
	struct vfu_conn *conn;
	struct vfu_terms terms;
	bool agreed;      /* VERSION is done */
	uint64_t refused; /* DMA_MAP commands */
	size_t reply_size;
	union {
		struct vfio_device_info device;
		struct vfio_region_info region;
		struct vfio_irq_info irq;
		struct vfu_region_io_fds io_fds;
		struct vfu_dma_unmap unmap;
		struct vfu_region_access access;
		uint64_t count;
		uint8_t bytes[sizeof(struct vfu_region_access) + VFU_DATA_MAX];
	} reply;
};

/** How a region is read or written; bounds are checked before. */
struct region {
	uint32_t size;
	void (*read)(struct vfu_func *func, uint32_t offset, void *buf, size_t len);
	void (*write)(struct vfu_func *func, uint32_t offset, const void *buf, size_t len);
};

/* The other regions are there and empty: 5 BARs, the ROM, VGA. */
static const struct region regions[VFIO_PCI_NUM_REGIONS] = {
	[VFIO_PCI_BAR0_REGION_INDEX] = {IOAT_BAR_SIZE, vfu_func_bar_read, vfu_func_bar_write},
	[VFIO_PCI_CONFIG_REGION_INDEX] = {VFU_CFG_SIZE, vfu_func_cfg_read, vfu_func_cfg_write},
};

static int
remote_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	return vfu_conn_dma_read(ctx, addr, buf, len);
}

static int
remote_write(void *ctx, uint64_t addr, const void *buf, size_t len)
{
	return vfu_conn_dma_write(ctx, addr, buf, len);
}

/* ---- the commands: 0 and a reply in serve->reply, or a negative errno for the client ---- */

static int
serve_version(struct vfu_serve *serve, struct vfu_message *msg)
{
	void *reply;
	size_t size;
	int rc;

	if (serve->agreed)
		return -EINVAL;
	rc = vfu_version_negotiate(msg->body, msg->size, &serve->terms, &reply, &size);
	if (rc < 0)
		return rc;
	memcpy(serve->reply.bytes, reply, size); /* a few numbers; ours, so it fits */
	serve->reply_size = size;
	free(reply);
	vfu_conn_set_data_max(serve->conn, serve->terms.data_max);
	serve->agreed = true;
	return 0;
}

/** Map what the client grants. @return as vfu_mem_map(). */
static int
map_grant(struct vfu_serve *serve, const struct vfu_mem_grant *grant, bool by_file)
{
	struct vfu_mem *mem = &serve->func->mem;
	int rc;

	if (by_file && grant->fd < 0)
		return -EINVAL; /* neither memory nor an eventfd */
	if (grant->fd >= 0) {
		rc = vfu_mem_check_file(grant->fd);
		if (rc < 0)
			return rc;
	}
	vfu_func_lock(serve->func);
	mem->remote = (struct vfu_mem_remote){remote_read, remote_write, serve->conn};
	rc = vfu_mem_map(mem, grant);
	vfu_func_unlock(serve->func);
	return rc;
}

/**
 * Count a range that was not mapped and say so: what is missing shows as an error of the channel
 * much later. A client can have millions refused, so lines become rarer.
 */
static void
note_refusal(struct vfu_serve *serve, const struct vfu_mem_grant *grant, int error)
{
	const struct vfu_func_conf *conf = &serve->func->conf;
	char text[160];

	vfu_func_lock(serve->func);
	serve->func->refused++;
	vfu_func_unlock(serve->func);
	serve->refused++;
	if (conf->log == NULL || (serve->refused & (serve->refused - 1)) != 0)
		return;
	snprintf(text, sizeof(text),
	         "%" PRIu64 " bytes at 0x%" PRIx64 " are not mapped: %s (%" PRIu64
	         " refused to this client; the limit is %u ranges)",
	         grant->size, grant->addr, strerror(error), serve->refused, VFU_RANGES_MAX);
	conf->log(conf->log_ctx, text);
}

static int
serve_dma_map(struct vfu_serve *serve, struct vfu_message *msg)
{
	struct vfu_mem_grant grant;
	struct vfu_dma_map map;
	int rc = -EINVAL;

	memcpy(&map, msg->body, sizeof(map));
	grant = (struct vfu_mem_grant){
		.addr = map.addr,
		.size = map.size,
		.rights = map.flags,
		.offset = map.offset,
		.fd = msg->fd_count != 0 ? msg->fds[0] : NO_FD,
	};
	if (map.argsz >= sizeof(map))
		rc = map_grant(serve, &grant, msg->fd_count != 0);
	if (rc < 0)
		note_refusal(serve, &grant, -rc);
	return rc;
}

static int
serve_dma_unmap(struct vfu_serve *serve, struct vfu_message *msg)
{
	struct vfu_mem *mem = &serve->func->mem;
	struct vfu_dma_unmap unmap;
	int rc = 0;

	memcpy(&unmap, msg->body, sizeof(unmap));
	if (unmap.argsz < sizeof(unmap))
		return -EINVAL;
	/*
	 * The specification has no flags yet. QEMU sends one of the kernel's, to remove everything
	 * when all of an address space goes; bitmaps belong to migration, which is not offered.
	 */
	if (unmap.flags == VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
		return -ENOTSUP;
	if ((unmap.flags & ~VFU_UNMAP_ALL) != 0 || msg->size != sizeof(unmap) ||
	    (unmap.flags != 0 && (unmap.addr != 0 || unmap.size != 0)))
		return -EINVAL;
	vfu_func_lock(serve->func); /* the engine has let go of it when we have the lock */
	if (unmap.flags & VFU_UNMAP_ALL)
		vfu_mem_clear(mem);
	else
		rc = vfu_mem_unmap(mem, unmap.addr, unmap.size);
	vfu_func_unlock(serve->func);
	serve->reply.unmap = unmap;
	serve->reply_size = sizeof(unmap);
	return rc;
}

static int
serve_device_info(struct vfu_serve *serve, struct vfu_message *msg)
{
	struct vfio_device_info *info = &serve->reply.device;
	uint32_t argsz;

	memcpy(&argsz, msg->body, sizeof(argsz));
	serve->reply_size = DEVICE_INFO_SIZE;
	if (argsz < serve->reply_size)
		return -EINVAL;
	info->argsz = DEVICE_INFO_SIZE;
	info->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info->num_regions = VFIO_PCI_NUM_REGIONS;
	info->num_irqs = VFIO_PCI_NUM_IRQS;
	return 0;
}

static int
serve_region_info(struct vfu_serve *serve, struct vfu_message *msg)
{
	struct vfio_region_info info;

	memcpy(&info, msg->body, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info = (struct vfio_region_info){
		.argsz = sizeof(info),
		.index = info.index,
		.size = regions[info.index].size,
	};
	/* Nothing is mapped by the client: registers have side effects, the doorbell's page too. */
	if (info.size != 0)
		info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	serve->reply.region = info;
	serve->reply_size = sizeof(info);
	return 0;
}

static int
serve_region_io_fds(struct vfu_serve *serve, struct vfu_message *msg)
{
	struct vfu_region_io_fds fds;

	memcpy(&fds, msg->body, sizeof(fds));
	if (fds.argsz < sizeof(fds) || fds.flags != 0 || fds.count != 0 ||
	    fds.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	/* No part of a region can be written through a descriptor. */
	serve->reply.io_fds = (struct vfu_region_io_fds){.argsz = sizeof(fds), .index = fds.index};
	serve->reply_size = sizeof(fds);
	return 0;
}

static int
serve_irq_info(struct vfu_serve *serve, struct vfu_message *msg)
{
	struct vfio_irq_info info;

	memcpy(&info, msg->body, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	serve->reply.irq = (struct vfio_irq_info){
		.argsz = sizeof(info),
		.flags = vfu_irq_flags(info.index),
		.index = info.index,
		.count = vfu_irq_count(info.index),
	};
	serve->reply_size = sizeof(info);
	return 0;
}

static int
serve_set_irqs(struct vfu_serve *serve, struct vfu_message *msg)
{
	struct vfio_irq_set head;
	struct vfu_irq_set set;
	int rc;

	memcpy(&head, msg->body, sizeof(head));
	if (head.argsz < sizeof(head))
		return -EINVAL;
	set = (struct vfu_irq_set){
		.flags = head.flags,
		.index = head.index,
		.start = head.start,
		.count = head.count,
		.data = msg->body + sizeof(head),
		.data_len = msg->size - (uint32_t)sizeof(head),
		.fds = msg->fds,
		.fd_count = msg->fd_count,
	};
	vfu_func_lock(serve->func);
	rc = vfu_irq_set(&serve->func->irqs, &set);
	vfu_func_irqs_changed(serve->func);
	vfu_func_unlock(serve->func);
	return rc;
}

/** Check an access. @return its region; NULL: there is no such part of a region. */
static const struct region *
find_region(uint32_t index, uint64_t offset, uint32_t count)
{
	const struct region *region;

	if (index >= VFIO_PCI_NUM_REGIONS)
		return NULL;
	region = &regions[index];
	if (count == 0 || count > region->size || offset > region->size - count)
		return NULL;
	return region;
}

static int
serve_region_read(struct vfu_serve *serve, struct vfu_message *msg)
{
	const struct region *region;
	struct vfu_region_access access;

	memcpy(&access, msg->body, sizeof(access));
	region = find_region(access.region, access.offset, access.count);
	if (region == NULL)
		return -EINVAL;
	vfu_func_lock(serve->func);
	region->read(serve->func, (uint32_t)access.offset, serve->reply.bytes + sizeof(access),
	             access.count);
	vfu_func_unlock(serve->func);
	serve->reply.access = access;
	serve->reply_size = sizeof(access) + access.count;
	return 0;
}

static int
serve_region_write(struct vfu_serve *serve, struct vfu_message *msg)
{
	const struct region *region;
	struct vfu_region_access access;

	memcpy(&access, msg->body, sizeof(access));
	region = find_region(access.region, access.offset, access.count);
	if (region == NULL || msg->size - sizeof(access) != access.count)
		return -EINVAL;
	vfu_func_lock(serve->func);
	region->write(serve->func, (uint32_t)access.offset, msg->body + sizeof(access),
	              access.count);
	vfu_func_unlock(serve->func);
	serve->reply.access = access;
	serve->reply_size = sizeof(access);
	return 0;
}

/** All writes are checked before the first is made: the reply cannot say which one failed. */
static int
serve_region_write_multi(struct vfu_serve *serve, struct vfu_message *msg)
{
	struct vfu_region_write write;
	const uint8_t *at = msg->body + sizeof(uint64_t);
	uint64_t count, i;

	memcpy(&count, msg->body, sizeof(count));
	if (!serve->terms.write_multiple || count > VFU_DATA_MAX ||
	    msg->size - sizeof(count) != count * sizeof(write))
		return -EINVAL;
	for (i = 0; i < count; i++) {
		memcpy(&write, at + i * sizeof(write), sizeof(write));
		if (write.count > sizeof(write.data) ||
		    find_region(write.region, write.offset, write.count) == NULL)
			return -EINVAL;
	}
	for (i = 0; i < count; i++) {
		memcpy(&write, at + i * sizeof(write), sizeof(write));
		vfu_func_lock(serve->func);
		regions[write.region].write(serve->func, (uint32_t)write.offset, write.data,
		                            write.count);
		vfu_func_unlock(serve->func);
	}
	serve->reply.count = count;
	serve->reply_size = sizeof(count);
	return 0;
}

static int
serve_reset(struct vfu_serve *serve, struct vfu_message *msg)
{
	(void)msg;
	vfu_func_lock(serve->func);
	vfu_func_reset(serve->func);
	vfu_func_unlock(serve->func);
	return 0;
}

/* ---- dispatch ---- */

/** A command: the size of its body (@c open: at least), and how many descriptors may come along. */
struct command {
	int (*run)(struct vfu_serve *serve, struct vfu_message *msg);
	uint32_t size;
	bool open;
	uint32_t fds;
};

static const struct command commands[] = {
	[VFU_VERSION] = {serve_version, sizeof(struct vfu_version), true, 0},
	[VFU_DMA_MAP] = {serve_dma_map, sizeof(struct vfu_dma_map), false, 1},
	[VFU_DMA_UNMAP] = {serve_dma_unmap, sizeof(struct vfu_dma_unmap), true, 0},
	[VFU_DEVICE_GET_INFO] = {serve_device_info, DEVICE_INFO_SIZE, true, 0},
	[VFU_DEVICE_GET_REGION_INFO] = {serve_region_info, sizeof(struct vfio_region_info), true,
                                        0},
	[VFU_DEVICE_GET_REGION_IO_FDS] = {serve_region_io_fds, sizeof(struct vfu_region_io_fds),
                                          true, 0},
	[VFU_DEVICE_GET_IRQ_INFO] = {serve_irq_info, sizeof(struct vfio_irq_info), true, 0},
	[VFU_DEVICE_SET_IRQS] = {serve_set_irqs, sizeof(struct vfio_irq_set), true, 1},
	[VFU_REGION_READ] = {serve_region_read, sizeof(struct vfu_region_access), false, 0},
	[VFU_REGION_WRITE] = {serve_region_write, sizeof(struct vfu_region_access), true, 0},
	[VFU_DEVICE_RESET] = {serve_reset, 0, false, 0},
	[VFU_REGION_WRITE_MULTI] = {serve_region_write_multi, sizeof(uint64_t), true, 0},
};

static int
serve_run(struct vfu_serve *serve, struct vfu_message *msg)
{
	const struct command *command;
	uint16_t number = msg->header.command;

	if (number >= sizeof(commands) / sizeof(commands[0]) || commands[number].run == NULL)
		return -ENOTSUP; /* migration and device features, and what is yet to be invented */
	command = &commands[number];
	if (msg->size < command->size || (!command->open && msg->size != command->size) ||
	    msg->fd_count > command->fds)
		return -EINVAL;
	return command->run(serve, msg);
}

int
vfu_serve_command(struct vfu_serve *serve, struct vfu_message *msg)
{
	bool first = !serve->agreed;
	int rc, sent;

	if (first && msg->header.command != VFU_VERSION)
		return -EPROTO;
	serve->reply_size = 0;
	rc = serve_run(serve, msg);
	sent = vfu_conn_reply(serve->conn, msg, -rc, serve->reply.bytes, serve->reply_size);
	if (first && rc < 0)
		return -EPROTO; /* the error was told, there is nothing to go on with */
	return sent;
}

int
vfu_serve_open(struct vfu_serve **out, struct vfu_func *func, struct vfu_conn *conn)
{
	struct vfu_serve *serve = calloc(1, sizeof(*serve));

	if (serve == NULL)
		return -ENOMEM;
	serve->func = func;
	serve->conn = conn;
	*out = serve;
	return 0;
}

void
vfu_serve_close(struct vfu_serve *serve)
{
	free(serve);
}
