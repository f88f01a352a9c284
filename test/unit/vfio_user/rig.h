/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFIO_USER_RIG_H
#define VFIO_USER_RIG_H

/**
 * @file
 * A function served over a socket pair, and a client that talks to it message by message. The
 * client is written from the specification, not with the server's connection code.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vfio.h>

#include "ioat_hw.h"
#include "vfu_engine.h"
#include "vfu_wire.h"

/** Memory of the client. */
/** How long the other side is waited for: it may have to wait for a processor, sanitized. */
#define RIG_WAIT_MS 120000

#define MEM_BASE    0x100000ull
#define MEM_SIZE    (1u << 20)
#define RING        (MEM_BASE)
#define CMP         (MEM_BASE + 0x8000)
#define SRC         (MEM_BASE + 0x10000)
#define DST         (MEM_BASE + 0x80000)
#define GUARD       0xc7 /* what memory holds before the device writes */

struct rig {
	struct vfu_func *func;
	int stop_fd;
	int fd; /* the client's end; -1: closed */
	pthread_t thread;
	int server_fd;
	int result; /* why the server ended; valid after rig_leave() */
	uint16_t id;
	int mem_fd;
	uint8_t *mem; /* MEM_SIZE bytes, those of mem_fd */
	/* The client's side of DMA_READ and DMA_WRITE, served while it waits for a reply. */
	unsigned int dma_reads;
	unsigned int dma_writes;
	int dma_error;       /* refuse with this errno */
	bool dma_silent;     /* do not answer */
	bool dma_wrong_size; /* answer with a byte less */
};

/** Make a function and connect a client to it; @p conf NULL: the default. */
void rig_open(struct rig *r, const struct vfu_func_conf *conf);

/** As rig_open(), with VERSION done, memory mapped, memory and bus master enabled. */
void rig_open_ready(struct rig *r, const struct vfu_func_conf *conf);

/** Connect another client to the same function, after rig_leave(). */
void rig_join(struct rig *r);

/** Close the client's end and wait for the server. @return why the server ended. */
int rig_leave(struct rig *r);

void rig_close(struct rig *r);

/**
 * Send a command with descriptors and wait for its reply.
 * @return bytes of the reply's body, at most @p room stored; the negative errno of the reply;
 * -ECONNRESET: the server closed the connection.
 */
int rig_call_fds(struct rig *r, unsigned int command, const void *body, size_t len, const int *fds,
                 size_t fd_count, void *reply, size_t room);
int rig_call(struct rig *r, unsigned int command, const void *body, size_t len, void *reply,
             size_t room);

/** Send a command that asks for no reply; may wait until the server has taken others. */
void rig_post_fds(struct rig *r, unsigned int command, const void *body, size_t len, const int *fds,
                  size_t fd_count);

/** Send bytes as they are. */
void rig_send(struct rig *r, const void *data, size_t len);

/** Answer the server's DMA commands until a reply comes. @return as rig_call(). */
int rig_reply(struct rig *r, void *reply, size_t room);

/** Whether the server closes the connection within RIG_WAIT_MS. */
bool rig_is_cut_off(struct rig *r);

int rig_version(struct rig *r);
int rig_map(struct rig *r, uint64_t addr, uint64_t size, uint32_t rights, int fd, uint64_t offset);
int rig_unmap(struct rig *r, uint64_t addr, uint64_t size);
int rig_set_irqs(struct rig *r, uint32_t flags, uint32_t index, uint32_t count, int fd);

/** Region accesses that must succeed. */
uint64_t rig_read(struct rig *r, uint32_t region, uint64_t offset, uint32_t len);
void rig_write(struct rig *r, uint32_t region, uint64_t offset, uint64_t value, uint32_t len);

#define CFG       VFIO_PCI_CONFIG_REGION_INDEX
#define BAR       VFIO_PCI_BAR0_REGION_INDEX
#define CHAN(reg) (IOAT_CHAN_BASE(0) + (reg))

/** The client's memory at a bus address. */
void *rig_at(struct rig *r, uint64_t addr);

/** Write descriptor number @p slot; its next is slot + 1. */
void rig_copy_desc(struct rig *r, unsigned int slot, uint64_t src, uint64_t dst, uint32_t size,
                   uint32_t ctrl);

/** Reset the channel and arm it at the ring, as Linux does. */
void rig_arm(struct rig *r);

/** Ring the doorbell and wait, RIG_WAIT_MS at most, until the channel is idle or halted. */
enum ioat_state rig_ring(struct rig *r, uint16_t count);

/** Descriptors of this process that are open. */
unsigned int rig_open_fds(void);

#endif /* VFIO_USER_RIG_H */
