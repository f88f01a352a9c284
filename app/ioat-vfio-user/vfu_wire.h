/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_WIRE_H
#define VFU_WIRE_H

/**
 * @file
 * The vfio-user protocol as bytes: what QEMU's docs/interop/vfio-user.rst specifies and this
 * server uses. Numbers are in the byte order of the host. Indices and flags of regions and
 * interrupts are those of the kernel's linux/vfio.h.
 */

#include <assert.h>
#include <stdint.h>

#define VFU_MAJOR 0
#define VFU_MINOR 1

enum vfu_command {
	VFU_VERSION = 1,
	VFU_DMA_MAP = 2,
	VFU_DMA_UNMAP = 3,
	VFU_DEVICE_GET_INFO = 4,
	VFU_DEVICE_GET_REGION_INFO = 5,
	VFU_DEVICE_GET_REGION_IO_FDS = 6,
	VFU_DEVICE_GET_IRQ_INFO = 7,
	VFU_DEVICE_SET_IRQS = 8,
	VFU_REGION_READ = 9,
	VFU_REGION_WRITE = 10,
	VFU_DMA_READ = 11,  /**< server to client */
	VFU_DMA_WRITE = 12, /**< server to client */
	VFU_DEVICE_RESET = 13,
	VFU_REGION_WRITE_MULTI = 15,
};

#define VFU_FLAG_TYPE     0x0fu
#define VFU_FLAG_COMMAND  0x00u
#define VFU_FLAG_REPLY    0x01u
#define VFU_FLAG_NO_REPLY 0x10u
#define VFU_FLAG_ERROR    0x20u

/** What every message begins with. */
struct vfu_header {
	uint16_t id; /**< the sender's; a reply repeats it */
	uint16_t command;
	uint32_t size; /**< of the message, this header included */
	uint32_t flags;
	uint32_t error; /**< errno, in a reply with VFU_FLAG_ERROR */
};

struct vfu_version {
	uint16_t major;
	uint16_t minor;
	/* JSON text with its NUL follows, or nothing. */
};

#define VFU_MAP_READ  1u
#define VFU_MAP_WRITE 2u

struct vfu_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset; /**< in the file of the descriptor that comes along */
	uint64_t addr;
	uint64_t size;
};

/** Remove everything; not in the specification, sent by QEMU (VFIO_DMA_UNMAP_FLAG_ALL). */
#define VFU_UNMAP_ALL 2u

struct vfu_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t addr;
	uint64_t size;
};

struct vfu_region_io_fds {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

/** REGION_READ and REGION_WRITE; data follows the reply or the request. */
struct vfu_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

/** One write of REGION_WRITE_MULTI; a 64-bit count of them precedes the array. */
struct vfu_region_write {
	uint64_t offset;
	uint32_t region;
	uint32_t count; /**< 1 to 8 */
	uint8_t data[8];
};

/** DMA_READ and DMA_WRITE; data follows the reply or the request. */
struct vfu_dma_access {
	uint64_t addr;
	uint64_t count;
};

/** What a client confirms a DMA_WRITE with. */
struct vfu_dma_written {
	uint64_t addr;
	uint32_t count;
} __attribute__((packed));

/* What this server accepts. The first two are the protocol's defaults or more. */
#define VFU_DATA_MAX    (1u << 20) /* bytes in one read or write */
#define VFU_FDS_MAX     1u         /* file descriptors with one message: no command has more */
#define VFU_MESSAGE_MAX (VFU_DATA_MAX + 64u)
#define VFU_PAGE_SIZE   4096u /* the unit of mappings */

static_assert(sizeof(struct vfu_header) == 16, "the header has 16 bytes");
static_assert(sizeof(struct vfu_dma_map) == 32, "as specified");
static_assert(sizeof(struct vfu_dma_unmap) == 24, "as specified");
static_assert(sizeof(struct vfu_region_access) == 16, "as specified");
static_assert(sizeof(struct vfu_region_write) == 24, "as specified");
static_assert(sizeof(struct vfu_dma_written) == 12, "as specified");

#endif /* VFU_WIRE_H */
