/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * Hostile guest behind a correct client: registers and configuration space through messages,
 * descriptors and data in files that are mapped, unmapped, shortened and protected between any
 * two turns of the engine. Whatever was done, a reset and new mappings make the device usable.
 */

#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "fuzz_guest.h"
#include "../fuzz_input.h"
#include "ioat_hw.h"
#include "vfu_guard.h"

#define OPS      96u
#define CHAN     IOAT_CHAN_BASE(0)
#define SLOTS    (PAGE / IOAT_DESC_SIZE) /* descriptors in the first page of the file */
#define CMP_PAGE 1u                      /* completion words in the second one */
#define FLR_AT   (0x90 + PCI_EXP_DEVCTL + 1)
#define FLR      (PCI_EXP_DEVCTL_BCR_FLR >> 8)

static struct fuzz_input input;

static uint64_t
take(unsigned int bytes)
{
	return fuzz_take(&input, bytes);
}

/* ---- the operations of an input ---- */

/** A bus address: mostly in the window, sometimes near an end of the address space. */
static uint64_t
take_address(void)
{
	unsigned int how = (unsigned int)take(1);

	if (how == 0xff)
		return take(8);
	if (how == 0xfe)
		return UINT64_MAX - take(2);
	return WINDOW + how % WINDOW_PAGES * PAGE + (how >= 0x60 ? take(2) % PAGE : 0);
}

static void
op_descriptor(void)
{
	unsigned int slot = (unsigned int)take(1) % SLOTS, how = (unsigned int)take(1);
	struct ioat_desc d = {.size = (uint32_t)take(how & 1 ? 4 : 2)};

	d.ctrl = (uint32_t)take(how & 2 ? 4 : 1);
	if (how & 4)
		d.ctrl |= DESC_CTRL_OP(IOAT_OP_FILL);
	d.src = take_address();
	d.dst = take_address();
	d.next = how & 8 ? take_address() : WINDOW + (slot + 1) % SLOTS * IOAT_DESC_SIZE;
	if (how & 16) {
		d.src2 = take_address();
		d.dst2 = take_address();
	}
	grants_put(slot * IOAT_DESC_SIZE, &d, sizeof(d));
}

static void
op_step(void)
{
	unsigned int how = (unsigned int)take(1);

	function_step(guest.f, how & 0x80 ? VFU_TURN : how * how);
}

static void
op_usual_write(void)
{
	static const struct {
		uint16_t offset;
		uint8_t width;
	} usual[] = {
		{CHAN + IOAT_CHANCTRL, 2},    {CHAN + IOAT_CHANCMD, 1}, {CHAN + IOAT_DMACOUNT, 2},
		{CHAN + IOAT_CHAINADDR, 8},   {CHAN + IOAT_CHANCMP, 8}, {CHAN + IOAT_CHANERR, 4},
		{CHAN + IOAT_CHANERRMASK, 4}, {IOAT_INTRCTRL, 1},       {IOAT_INTRDELAY, 2},
		{IOAT_MSIX_TABLE + 12, 4},
	};
	unsigned int which = (unsigned int)take(1) % 16;
	uint64_t value;

	if (which >= sizeof(usual) / sizeof(usual[0]))
		which = which % 2 + 1; /* mostly commands and doorbells */
	switch (usual[which].offset - CHAN) {
	case IOAT_CHAINADDR:
	case IOAT_CHANCMP:
		value = take_address();
		break;
	case IOAT_CHANCMD:
		value = take(1);
		value = value & 0x80 ? value : 1u << value % 6;
		break;
	case IOAT_CHANERR:
		value = take(1) & 1 ? UINT32_MAX : take(4);
		break;
	default:
		value = take(2);
		break;
	}
	guest_write_reg(BAR, usual[which].offset, usual[which].width, value);
}

/** What a driver does to start its channel, with what it needs to get that far. */
static void
op_start(void)
{
	unsigned int how = (unsigned int)take(1);

	if (how & 1)
		guest_write_reg(CFG, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	guest_write_reg(BAR, CHAN + IOAT_CHANERR, 4, UINT32_MAX);
	guest_write_reg(BAR, CHAN + IOAT_CHANCMD, 1, CHANCMD_RESET);
	guest_write_reg(BAR, CHAN + IOAT_CHANCTRL, 2,
	                CHANCTRL_INT_DISABLE | (how & 2 ? CHANCTRL_ERR_INT_EN : 0) |
	                        (how & 4 ? CHANCTRL_ERR_COMPL_EN : 0) |
	                        (how & 8 ? CHANCTRL_ANY_ERR_ABORT : 0));
	guest_write_reg(BAR, CHAN + IOAT_CHANCMP, 8, WINDOW + CMP_PAGE * PAGE + (how & 0x30));
	guest_write_reg(BAR, CHAN + IOAT_CHAINADDR, 8, WINDOW + take(1) % SLOTS * IOAT_DESC_SIZE);
	guest_write_reg(BAR, CHAN + IOAT_DMACOUNT, 2, take(1));
}

static void
op_map(void)
{
	unsigned int how = (unsigned int)take(1), backing = how & 7;
	struct vfu_dma_map map = {.argsz = sizeof(map), .flags = how >> 3 & 3};

	if (backing >= BACKINGS)
		backing = BACKING_MAIN;
	map.addr = WINDOW + take(1) % WINDOW_PAGES * PAGE;
	map.offset = take(1) % (FILE_PAGES + 2) * PAGE;
	map.size = take(1) % (FILE_PAGES + 2) * PAGE;
	if (how >> 5 == 7) {
		map.addr = take_address();
		map.offset = take(8);
		map.size = take(8);
		map.flags = (uint32_t)take(1);
		map.argsz = (uint32_t)take(1);
	}
	guest_map(&map, (enum fuzz_backing)backing);
}

static void
op_unmap(void)
{
	unsigned int how = (unsigned int)take(1);
	struct vfu_dma_unmap unmap = {.argsz = sizeof(unmap)};

	unmap.addr = WINDOW + how % WINDOW_PAGES * PAGE;
	unmap.size = take(1) * PAGE;
	if (how >= 0xf0) {
		unmap.flags = how & 7;
		unmap.addr = how & 8 ? take(8) : 0;
		unmap.size = how & 8 ? take(8) : 0;
	}
	guest_send(VFU_DMA_UNMAP, &unmap, sizeof(unmap));
}

static void
op_usual_config(void)
{
	static const struct {
		uint16_t offset;
		uint8_t width;
		uint32_t value;
	} usual[] = {
		{PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER},
		{PCI_COMMAND, 2, PCI_COMMAND_MEMORY},
		{PCI_COMMAND, 2, PCI_COMMAND_MASTER},
		{PCI_COMMAND, 2, 0xffff},
		{0x80 + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE},
		{0x80 + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL},
		{0x80 + PCI_MSIX_FLAGS, 2, 0},
		{0xe0 + PCI_PM_CTRL, 2, 3},
		{0xe0 + PCI_PM_CTRL, 2, 0},
		{IOAT_CFG_CHANERR_INT, 4, UINT32_MAX},
		{FLR_AT, 1, FLR},
		{PCI_BASE_ADDRESS_0, 4, UINT32_MAX},
	};
	unsigned int which = (unsigned int)take(1) % (sizeof(usual) / sizeof(usual[0]));

	guest_write_reg(CFG, usual[which].offset, usual[which].width, usual[which].value);
	if (usual[which].offset == FLR_AT && !guest.f->faulty)
		function_check_power_on(guest.f);
}

/** Any bytes to any place of a region; nothing at all happens where memory is not decoded. */
static void
op_any_write(void)
{
	uint32_t region = take(1) & 1 ? BAR : CFG, len;
	uint64_t offset = take(2);
	bool decodes = function_decodes(guest.f);
	struct vfu_func_stats before, after;
	uint8_t data[GUEST_BODY_MAX];

	len = (uint32_t)fuzz_take_bytes(&input, data, sizeof(data));
	vfu_func_stats(guest.f->func, &before);
	guest_write(region, offset, data, len);
	vfu_func_stats(guest.f->func, &after);
	if (region == BAR && !decodes)
		FUZZ_CHECK(memcmp(&before, &after, sizeof(before)) == 0);
}

static void
op_any_read(void)
{
	unsigned int how = (unsigned int)take(1);
	struct vfu_region_access access = {take(2), how % 10, (uint32_t)take(how & 0x80 ? 2 : 1)};
	bool decodes = function_decodes(guest.f);
	const uint8_t *data = guest.client.reply + sizeof(access);
	uint32_t i;

	if (guest_send(VFU_REGION_READ, &access, sizeof(access)) != 0)
		return;
	FUZZ_CHECK(guest.client.reply_size == sizeof(access) + access.count);
	FUZZ_CHECK(memcmp(guest.client.reply, &access, sizeof(access)) == 0);
	for (i = 0; i < access.count && access.region == BAR && !decodes; i++)
		FUZZ_CHECK(data[i] == 0xff);
	for (i = 0; i < access.count && access.region == CFG; i++)
		FUZZ_CHECK(data[i] == guest.f->func->pci.cfg[access.offset + i]);
}

/** Mostly one kind of data and one action, which is all that is legal. */
static uint32_t
take_irq_flags(void)
{
	unsigned int how = (unsigned int)take(1);

	if (how >= 0xe0)
		return how & 0x3f;
	return VFIO_IRQ_SET_DATA_NONE << how % 3 | VFIO_IRQ_SET_ACTION_MASK << (how >> 2) % 3;
}

static void
op_irqs(void)
{
	unsigned int how = (unsigned int)take(1);
	uint8_t body[sizeof(struct vfio_irq_set) + 2];
	struct vfio_irq_set set = {sizeof(set), take_irq_flags(), how & 3, 0, 1};
	int fds[2] = {guest.event_fd, grants_fd((enum fuzz_backing)(how % BACKINGS))};
	struct fuzz_command cmd = {VFU_DEVICE_SET_IRQS, 0, body, sizeof(set), fds, 0};

	if (how & 0x80) {
		set.index = (uint32_t)take(1) % 8;
		set.start = (uint32_t)take(1) & 1;
		set.count = (uint32_t)take(1) & 3;
	}
	memcpy(body, &set, sizeof(set));
	body[sizeof(set)] = how >> 4 & 1;
	body[sizeof(set) + 1] = how >> 5 & 1;
	if (set.flags & VFIO_IRQ_SET_DATA_BOOL)
		cmd.size += set.count % 3;
	if (set.flags & VFIO_IRQ_SET_DATA_EVENTFD)
		cmd.fd_count = how >> 4 & 1;
	if (how & 0x40 && fds[1] >= 0) {
		cmd.fds = &fds[1]; /* something else, also an eventfd that nobody reads */
		guest.events_count = false;
	}
	guest_command(&cmd, BACKING_MESSAGES);
}

/** Any command with any body; what the client keeps account of keeps its form. */
static void
op_any_command(void)
{
	uint8_t body[GUEST_BODY_MAX];
	unsigned int how = (unsigned int)take(1);
	struct fuzz_command cmd = {how & 0x1f, (uint32_t)take(1), body,
	                           0,          &guest.event_fd,   how >> 6 & 1};

	cmd.size = fuzz_take_bytes(&input, body, sizeof(body));
	if (cmd.command == VFU_DMA_MAP || cmd.command == VFU_DMA_UNMAP ||
	    cmd.command == VFU_DEVICE_RESET)
		cmd.flags &= ~VFU_FLAG_NO_REPLY;
	guest_command(&cmd, cmd.fd_count != 0 ? BACKING_EVENTFD : BACKING_MESSAGES);
}

static void
op_write_multi(void)
{
	uint64_t count = take(1) % 5, i;
	uint8_t body[sizeof(count) + 4 * sizeof(struct vfu_region_write)];
	int error;

	memcpy(body, &count, sizeof(count));
	for (i = 0; i < count && i < 4; i++) {
		unsigned int how = (unsigned int)take(1);
		struct vfu_region_write one = {take(2), how & 1 ? CFG : BAR, how >> 1 & 15, {0}};
		uint64_t value = take(4);

		if (how & 0x20)
			one.offset = CHAN + one.offset % IOAT_CHAN_STRIDE;
		memcpy(one.data, &value, sizeof(value));
		memcpy(body + sizeof(count) + i * sizeof(one), &one, sizeof(one));
	}
	error = guest_send(VFU_REGION_WRITE_MULTI, body,
	                   sizeof(count) + i * sizeof(struct vfu_region_write));
	FUZZ_CHECK(error != 0 || (guest.client.write_multiple && i == count));
}

static void
op_info(void)
{
	unsigned int how = (unsigned int)take(1);
	uint32_t body[8] = {(uint32_t)(how & 0x80 ? take(1) : sizeof(body)), 0,
	                    (uint32_t)take(1) % 10};
	uint16_t number = VFU_DEVICE_GET_INFO + how % 4;

	if (guest_send(number, body, sizeof(body)) == 0) {
		FUZZ_CHECK(guest.client.reply_size >= 16 && guest.client.reply_size <= 32);
		memcpy(body, guest.client.reply, sizeof(body[0]));
		FUZZ_CHECK(body[0] == guest.client.reply_size);
	}
}

static void
op_memory(void)
{
	static const int answers[] = {0, -EFAULT, -EIO, 0};
	unsigned int how = (unsigned int)take(1);

	if (how & 0x80)
		grants_answer(answers[how & 3]);
	else
		grants_cut(how % (FILE_PAGES + 1));
	grants_probe(&guest.f->func->mem);
}

static void
op_reset(void)
{
	unsigned int how = (unsigned int)take(1);

	if (how & 0x80) {
		guest_leave();
		guest_join(how);
	} else {
		guest_send(VFU_DEVICE_RESET, NULL, 0);
	}
}

static void
op_time(void)
{
	function_advance(guest.f, (uint32_t)take(2));
	guest_check_events();
}

static void (*const operations[32])(void) = {
	op_descriptor,   op_descriptor,   op_descriptor,  op_descriptor,  op_step,        op_step,
	op_step,         op_step,         op_usual_write, op_usual_write, op_usual_write, op_start,
	op_start,        op_map,          op_map,         op_map,         op_unmap,       op_unmap,
	op_usual_config, op_usual_config, op_any_write,   op_any_read,    op_irqs,        op_irqs,
	op_any_command,  op_write_multi,  op_info,        op_memory,      op_memory,      op_reset,
	op_time,         op_usual_write,
};

/** The memory and the registers of a driver that is about to work, so that inputs get far. */
static void
begin(unsigned int how)
{
	struct vfu_dma_map map = {sizeof(map), VFU_MAP_READ | VFU_MAP_WRITE, 0, WINDOW, FILE_SIZE};

	guest_map(&map, BACKING_MAIN);
	map.addr += FILE_SIZE;
	guest_map(&map, BACKING_SHORT);
	map.addr += FILE_SIZE;
	guest_map(&map, BACKING_MESSAGES);
	guest_write_reg(CFG, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (how & 1)
		guest_write_reg(CFG, 0x80 + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	else
		guest_write_reg(BAR, IOAT_INTRCTRL, 1, INTRCTRL_MASTER_INT_EN);
	guest_set_irqs(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
	               how & 1 ? VFIO_PCI_MSIX_IRQ_INDEX : VFIO_PCI_INTX_IRQ_INDEX,
	               &guest.event_fd);
}

/**
 * The way back, whatever happened: reset, all memory taken away and granted anew, one copy.
 * A function that faults are injected into need not complete it, but it must end.
 */
static void
check_usable(unsigned int how)
{
	static const unsigned int from = 4 * PAGE + 17, to = 9 * PAGE + 5;
	struct vfu_dma_unmap unmap = {sizeof(unmap), VFU_UNMAP_ALL, 0, 0};
	struct ioat_desc d = {.size = 3000 + how, .ctrl = DESC_CTRL_INT_EN | DESC_CTRL_COMPL};
	uint64_t word = 0;
	unsigned int turns;

	guest_write_reg(CFG, FLR_AT, 1, FLR);
	FUZZ_CHECK(guest_send(VFU_DMA_UNMAP, &unmap, sizeof(unmap)) == 0);
	grants_reset();
	begin(1);
	d.src = WINDOW + from;
	d.dst = WINDOW + to;
	grants_put(0, &d, sizeof(d));
	grants_put(CMP_PAGE * PAGE, &word, sizeof(word));
	guest_write_reg(BAR, CHAN + IOAT_CHANCTRL, 2, CHANCTRL_INT_DISABLE);
	guest_write_reg(BAR, CHAN + IOAT_CHANCMP, 8, WINDOW + CMP_PAGE * PAGE);
	guest_write_reg(BAR, CHAN + IOAT_CHAINADDR, 8, WINDOW);
	guest_write_reg(BAR, CHAN + IOAT_DMACOUNT, 2, 1);
	for (turns = 0; function_step(guest.f, 1000); turns++)
		FUZZ_CHECK(turns < 16);
	guest_check_events();
	if (guest.f->faulty)
		return;
	memcpy(&word, grants_get(CMP_PAGE * PAGE), sizeof(word));
	FUZZ_CHECK(word == (WINDOW | IOAT_STATE_DONE));
	FUZZ_CHECK(function_state(guest.f) == IOAT_STATE_DONE);
	FUZZ_CHECK(memcmp(grants_get(from), grants_get(to), d.size) == 0);
	FUZZ_CHECK(guest.f->stats.count.interrupts != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool prepared;
	unsigned int how, i;

	if (!prepared) {
		FUZZ_CHECK(vfu_guard_start() == 0);
		guest_prepare();
		prepared = true;
	}
	input = (struct fuzz_input){data, size};
	how = (unsigned int)take(1);
	guest_open(how);
	if (how & 0xc0)
		begin(how >> 4);
	for (i = 0; i < OPS && input.left != 0; i++)
		operations[take(1) % 32]();
	check_usable(how);
	guest_close();
	return 0;
}
