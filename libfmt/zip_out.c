/* Local headers and a central directory, with the 64-bit fields of ZIP64 where an entry needs them and 64-bit end
 * records always, as torch does. Nothing depends on time or place: the same entries give the same bytes.
 * Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3; the padding field is torch's ("FB", then fill). */
#include <string.h>

#include "ckd.h"
#include "zip_out.h"

#define ALIGN         64
#define LOCAL_BYTES   30
#define CENTRAL_BYTES 46
#define END_BYTES     (56 + 20 + 22) /* ZIP64 end record, its locator, end record */
#define MAX32         0xffffffffu
#define DATE          0x0021         /* 1 January 1980, the first there is */

static bool is_big(uint64_t v)
{
	return v >= MAX32;
}

static uint32_t small(uint64_t v)
{
	return is_big(v) ? MAX32 : (uint32_t)v;
}

/* Bytes of the ZIP64 field in the directory: only the numbers that do not fit elsewhere. */
static uint16_t zip64_bytes(const struct zip_out_entry *e)
{
	unsigned n = (is_big(e->n_bytes) ? 2 : 0) + (is_big(e->header) ? 1 : 0);

	return (uint16_t)(n ? 4 + 8 * n : 0);
}

/* Bytes of a local header without the fill; it has both sizes in 64 bits or none. */
static uint64_t local_bytes(const struct zip_out_entry *e)
{
	return LOCAL_BYTES + e->name.n + (is_big(e->n_bytes) ? 20 : 0) + 4;
}

bool zip_out_place(struct zip_out_entry *entries, uint64_t n, uint64_t *file_bytes, struct fmt_err *err)
{
	uint64_t at = 0, directory = 0;
	bool over = false;

	for (uint64_t i = 0; i < n && !over; i++) {
		struct zip_out_entry *e = &entries[i];

		e->header = at;
		over = ckd_add(&e->off, at, local_bytes(e)) || ckd_align(&e->off, e->off, ALIGN) ||
		       ckd_add(&at, e->off, e->n_bytes);
		directory += CENTRAL_BYTES + e->name.n + zip64_bytes(e);
	}
	if (over || ckd_add(file_bytes, at, directory + END_BYTES))
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "more tensor bytes than a file can have");
	return true;
}

/* What a local header and the directory have in common, from the version on. */
static void put_common(struct fmt_buf *b, const struct zip_out_entry *e, uint16_t extra_bytes)
{
	fmt_buf_u16(b, is_big(e->n_bytes) || is_big(e->header) ? 45 : 20);
	fmt_buf_u16(b, 0);    /* flags */
	fmt_buf_u16(b, 0);    /* stored */
	fmt_buf_u16(b, 0);    /* time */
	fmt_buf_u16(b, DATE);
	fmt_buf_u32(b, e->crc);
	fmt_buf_u32(b, small(e->n_bytes));
	fmt_buf_u32(b, small(e->n_bytes));
	fmt_buf_u16(b, (uint16_t)e->name.n);
	fmt_buf_u16(b, extra_bytes);
}

static void put_local(struct fmt_buf *b, const struct zip_out_entry *e)
{
	uint64_t fill = e->off - e->header - local_bytes(e);
	uint64_t extra = e->off - e->header - LOCAL_BYTES - e->name.n;

	fmt_buf_bytes(b, "PK\3\4", 4);
	put_common(b, e, (uint16_t)extra);
	fmt_buf_bytes(b, e->name.p, e->name.n);
	if (is_big(e->n_bytes)) {
		fmt_buf_u16(b, 1);
		fmt_buf_u16(b, 16);
		fmt_buf_u64(b, e->n_bytes);
		fmt_buf_u64(b, e->n_bytes);
	}
	fmt_buf_bytes(b, "FB", 2);
	fmt_buf_u16(b, (uint16_t)fill);
	for (uint64_t i = 0; i < fill; i++)
		fmt_buf_u8(b, 'Z');
}

static void put_central(struct fmt_buf *b, const struct zip_out_entry *e)
{
	uint16_t extra = zip64_bytes(e);

	fmt_buf_bytes(b, "PK\1\2", 4);
	fmt_buf_u16(b, 45); /* made by a program that knows ZIP64, on no system in particular */
	put_common(b, e, extra);
	fmt_buf_u16(b, 0);  /* comment */
	fmt_buf_u16(b, 0);  /* disk */
	fmt_buf_u16(b, 0);  /* attributes */
	fmt_buf_u32(b, 0);
	fmt_buf_u32(b, small(e->header));
	fmt_buf_bytes(b, e->name.p, e->name.n);
	if (!extra)
		return;
	fmt_buf_u16(b, 1);
	fmt_buf_u16(b, (uint16_t)(extra - 4));
	if (is_big(e->n_bytes)) {
		fmt_buf_u64(b, e->n_bytes);
		fmt_buf_u64(b, e->n_bytes);
	}
	if (is_big(e->header))
		fmt_buf_u64(b, e->header);
}

/* The end records of a directory of n entries in b, which will lie at `at`. */
static void put_end(struct fmt_buf *b, uint64_t n, uint64_t at)
{
	uint64_t n_bytes = b->n, n_small = n < 0xffff ? n : 0xffff;

	fmt_buf_bytes(b, "PK\6\6", 4);
	fmt_buf_u64(b, 56 - 12);
	fmt_buf_u16(b, 45);
	fmt_buf_u16(b, 45);
	fmt_buf_u32(b, 0); /* disks */
	fmt_buf_u32(b, 0);
	fmt_buf_u64(b, n);
	fmt_buf_u64(b, n);
	fmt_buf_u64(b, n_bytes);
	fmt_buf_u64(b, at);
	fmt_buf_bytes(b, "PK\6\7", 4);
	fmt_buf_u32(b, 0);
	fmt_buf_u64(b, at + n_bytes);
	fmt_buf_u32(b, 1);
	fmt_buf_bytes(b, "PK\5\6", 4);
	fmt_buf_u32(b, 0); /* disks */
	fmt_buf_u16(b, (uint16_t)n_small);
	fmt_buf_u16(b, (uint16_t)n_small);
	fmt_buf_u32(b, small(n_bytes));
	fmt_buf_u32(b, small(at));
	fmt_buf_u16(b, 0); /* comment */
}

bool zip_out_write(const struct zip_out_entry *entries, uint64_t n, struct fmt_sink *s, struct fmt_err *err)
{
	uint64_t end = n ? entries[n - 1].off + entries[n - 1].n_bytes : 0;
	struct fmt_buf b;

	fmt_buf_init(&b, err);
	for (uint64_t i = 0; i < n && !err->code; i++) {
		const struct zip_out_entry *e = &entries[i];

		b.n = 0;
		put_local(&b, e);
		if (e->data)
			fmt_buf_bytes(&b, e->data, (size_t)e->n_bytes);
		if (!err->code)
			fmt_sink_write(s, e->header, b.p, b.n, err);
	}
	b.n = 0;
	for (uint64_t i = 0; i < n; i++)
		put_central(&b, &entries[i]);
	put_end(&b, n, end);
	if (!err->code)
		fmt_sink_write(s, end, b.p, b.n, err);
	fmt_buf_finish(&b);
	return !err->code;
}
