/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"

#if defined(__SANITIZE_ADDRESS__)
#define FAKE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAKE_ASAN 1
#endif
#endif

#ifdef FAKE_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   __asan_poison_memory_region(p, n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

void
fake_open(struct fake_host *fh)
{
	memset(fh, 0, sizeof(*fh));
	fh->mem = aligned_alloc(FAKE_PAGE, FAKE_SIZE);
	if (fh->mem == NULL)
		abort();
	memset(fh->mem, FAKE_GUARD, FAKE_SIZE);
	fake_grant(fh, FAKE_BASE, FAKE_SIZE, 0);
	fake_grant(fh, RING, RING_LEN, IOAT_MODEL_READ);
	fake_grant(fh, CMP, CMP_LEN, IOAT_MODEL_WRITE);
	fake_grant(fh, SRC, SRC_LEN, IOAT_MODEL_READ | IOAT_MODEL_WRITE);
	fake_grant(fh, DST, DST_LEN, IOAT_MODEL_READ | IOAT_MODEL_WRITE);
	fake_grant(fh, ROM, FAKE_PAGE, IOAT_MODEL_READ);
	memset(fake_at(fh, RING), 0, RING_LEN);
	memset(fake_at(fh, CMP), 0, CMP_LEN);
}

void
fake_close(struct fake_host *fh)
{
	UNPOISON(fh->mem, FAKE_SIZE);
	UNPOISON(fh->piece, sizeof(fh->piece));
	free(fh->mem);
	fh->mem = NULL;
}

void
fake_grant(struct fake_host *fh, uint64_t addr, size_t len, unsigned int rights)
{
	size_t first = (size_t)(addr - FAKE_BASE) / FAKE_PAGE, page;

	for (page = first; page < first + len / FAKE_PAGE; page++) {
		unsigned char *p = fh->mem + page * FAKE_PAGE;

		UNPOISON(p, FAKE_PAGE);
		fh->rights[page] = rights;
		if (rights == 0) {
			memset(p, FAKE_GUARD, FAKE_PAGE);
			POISON(p, FAKE_PAGE);
		}
	}
}

void *
fake_at(struct fake_host *fh, uint64_t addr)
{
	if (addr < FAKE_BASE || addr - FAKE_BASE >= FAKE_SIZE)
		abort();
	return fh->mem + (addr - FAKE_BASE);
}

bool
fake_guards_intact(const struct fake_host *fh)
{
	bool intact = true;
	size_t page, i;

	for (page = 0; page < FAKE_PAGES && intact; page++) {
		unsigned char *p = fh->mem + page * FAKE_PAGE;

		if (fh->rights[page] != 0)
			continue;
		UNPOISON(p, FAKE_PAGE);
		for (i = 0; i < FAKE_PAGE && p[i] == FAKE_GUARD; i++)
			;
		intact = i == FAKE_PAGE;
		POISON(p, FAKE_PAGE);
	}
	return intact;
}

/** Bytes from @p addr on that have @p rights, at most @p len. */
static size_t
fake_granted(const struct fake_host *fh, uint64_t addr, size_t len, unsigned int rights)
{
	size_t n = 0;

	if (addr + len < addr)
		abort(); /* the model promises that this never comes */
	while (n < len) {
		uint64_t at = addr + n - FAKE_BASE;
		size_t page = (size_t)(at / FAKE_PAGE);

		if (addr + n < FAKE_BASE || at >= FAKE_SIZE ||
		    (fh->rights[page] & rights) != rights)
			break;
		n += FAKE_PAGE - (size_t)(at % FAKE_PAGE);
	}
	return n < len ? n : len;
}

static bool
fake_is_bad(const struct fake_host *fh, uint64_t addr, size_t len)
{
	return fh->eio_at != 0 && fh->eio_at >= addr && fh->eio_at - addr < len;
}

static int
fake_dma_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct fake_host *fh = ctx;

	if (fake_granted(fh, addr, len, IOAT_MODEL_READ) < len)
		return -EFAULT;
	if (fake_is_bad(fh, addr, len))
		return -EIO;
	memcpy(buf, fake_at(fh, addr), len);
	fh->copied++;
	return 0;
}

static int
fake_dma_write(void *ctx, uint64_t addr, const void *buf, size_t len)
{
	struct fake_host *fh = ctx;

	if (fake_granted(fh, addr, len, IOAT_MODEL_WRITE) < len)
		return -EFAULT;
	if (fake_is_bad(fh, addr, len))
		return -EIO;
	memcpy(fake_at(fh, addr), buf, len);
	fh->copied++;
	return 0;
}

static void
fake_log(struct fake_host *fh, struct fake_event event)
{
	if (fh->events < FAKE_LOG)
		fh->event[fh->events] = event;
	fh->events++;
}

static int
fake_dma_write64(void *ctx, uint64_t addr, uint64_t value)
{
	struct fake_host *fh = ctx;

	if (addr % 8 != 0)
		abort(); /* promised too */
	if (fake_granted(fh, addr, 8, IOAT_MODEL_WRITE) < 8)
		return -EFAULT;
	if (fh->on_completion != NULL)
		fh->on_completion(fh, addr, value);
	memcpy(fake_at(fh, addr), &value, 8);
	fake_log(fh, (struct fake_event){.kind = 'w', .addr = addr, .value = value});
	return 0;
}

/** A copy of granted memory with nothing but guard bytes, poisoned too, behind it. */
static void *
fake_piece(struct fake_host *fh, uint64_t addr, size_t len)
{
	unsigned char *piece = fh->piece[fh->pieces++ % FAKE_PIECES];

	if (len > FAKE_PAGE)
		abort();
	UNPOISON(piece, sizeof(fh->piece[0]));
	memset(piece, FAKE_GUARD, sizeof(fh->piece[0]));
	memcpy(piece, fake_at(fh, addr), len);
	POISON(piece + len, sizeof(fh->piece[0]) - len);
	return piece;
}

static void *
fake_map(void *ctx, uint64_t addr, size_t *len, unsigned int rights)
{
	struct fake_host *fh = ctx;
	size_t n = fake_granted(fh, addr, *len, rights);

	if (fh->map_max != 0 && n > fh->map_max)
		n = fh->map_max;
	if (n == 0 || fh->no_map || fake_is_bad(fh, addr, n))
		return NULL;
	*len = n;
	fh->mapped++;
	if (fh->map_apart && addr >= RING && addr < RING + RING_LEN)
		return fake_piece(fh, addr, n);
	return fake_at(fh, addr);
}

static void
fake_irq(void *ctx, unsigned int chan)
{
	struct fake_host *fh = ctx;

	if (chan >= IOAT_CHAN_MAX)
		abort();
	fh->interrupts[chan]++;
	fake_log(fh, (struct fake_event){.kind = 'i', .chan = chan});
}

struct ioat_model_host
fake_callbacks(struct fake_host *fh)
{
	return (struct ioat_model_host){.dma_read = fake_dma_read,
	                                .dma_write = fake_dma_write,
	                                .dma_write64 = fake_dma_write64,
	                                .map = fake_map,
	                                .irq = fake_irq,
	                                .ctx = fh};
}
