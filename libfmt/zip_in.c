/* From the end record over the ZIP64 records to the central directory, then every local header. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "ckd.h"
#include "cursor.h"
#include "inflate.h"
#include "zip_in.h"

enum {
	SIG_LOCAL = 0x04034b50,
	SIG_CENTRAL = 0x02014b50,
	SIG_END = 0x06054b50,
	SIG_END64 = 0x06064b50,
	SIG_LOCATOR = 0x07064b50,
	LOCAL_BYTES = 30,
	CENTRAL_BYTES = 46,
	END_BYTES = 22,
	END64_BYTES = 56,
	LOCATOR_BYTES = 20,
	FLAG_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13,
	FLAG_DESCRIPTOR = 1 << 3, /* the local header does not know the sizes yet; the directory does */
};

/* What the end record, or its 64-bit form, says. */
struct end {
	uint64_t n_entries, bytes, off; /* of the central directory */
	uint64_t at;                    /* where the first of the end records begins */
};

bool zip_recognise(const uint8_t *head, size_t n)
{
	return n >= 4 && (!memcmp(head, "PK\3\4", 4) || !memcmp(head, "PK\5\6", 4));
}

static bool bad(struct fmt_err *err, uint64_t off, const char *what)
{
	return fmt_fail(err, FMT_MALFORMED, off, "zip: %s", what);
}

/* A 32- or 16-bit field, all ones where the 64-bit record has the number, must not contradict that. */
static bool agrees(uint64_t small, uint64_t saturated, uint64_t big)
{
	return small == saturated || small == big;
}

/* The 64-bit end record, which the locator before the end record points to. */
static bool read_end64(const struct fmt_source *f, struct end *e, uint64_t locator, struct fmt_err *err)
{
	struct end small = *e;
	struct fmt_cur c;
	uint64_t at, n;

	fmt_cur_file(&c, f, locator, LOCATOR_BYTES, err);
	fmt_cur_skip(&c, 8, "zip: ZIP64 locator");
	at = fmt_cur_u64(&c, "zip: ZIP64 locator");
	fmt_cur_finish(&c);
	if (!fmt_cur_ok(&c))
		return false;
	if (at > locator || locator - at < END64_BYTES)
		return bad(err, locator, "the ZIP64 locator points to no end record");
	fmt_cur_file(&c, f, at, END64_BYTES, err);
	if (fmt_cur_u32(&c, "zip: ZIP64 end record") != SIG_END64)
		bad(err, at, "the ZIP64 locator points to no end record");
	n = fmt_cur_u64(&c, "zip: ZIP64 end record");
	fmt_cur_skip(&c, 4 + 8, "zip: ZIP64 end record"); /* versions, disk numbers */
	fmt_cur_u64(&c, "zip: ZIP64 end record");
	e->n_entries = fmt_cur_u64(&c, "zip: ZIP64 end record");
	e->bytes = fmt_cur_u64(&c, "zip: ZIP64 end record");
	e->off = fmt_cur_u64(&c, "zip: ZIP64 end record");
	e->at = at;
	fmt_cur_finish(&c);
	if (!fmt_cur_ok(&c))
		return false;
	if (n != locator - at - 12)
		return bad(err, at, "the ZIP64 end record has the wrong size");
	if (!agrees(small.n_entries, 0xffff, e->n_entries) || !agrees(small.bytes, 0xffffffff, e->bytes) ||
	    !agrees(small.off, 0xffffffff, e->off))
		return bad(err, at, "the two end records contradict each other");
	return true;
}

/* The end record must be the last thing in the file: no comment, nothing appended. */
static bool read_end(const struct fmt_source *f, struct end *e, struct fmt_err *err)
{
	uint64_t at = f->n_bytes - END_BYTES;
	struct fmt_cur c;
	uint32_t sig;

	if (f->n_bytes < END_BYTES)
		return fmt_fail(err, FMT_TRUNCATED, 0, "zip: too short for an archive");
	fmt_cur_file(&c, f, at, END_BYTES, err);
	sig = fmt_cur_u32(&c, "zip: end record");
	fmt_cur_skip(&c, 6, "zip: end record"); /* disk numbers, entries on this disk */
	e->n_entries = fmt_cur_u16(&c, "zip: end record");
	e->bytes = fmt_cur_u32(&c, "zip: end record");
	e->off = fmt_cur_u32(&c, "zip: end record");
	e->at = at;
	fmt_cur_finish(&c);
	if (!fmt_cur_ok(&c))
		return false;
	if (sig != SIG_END)
		return fmt_fail(err, FMT_TRUNCATED, at,
		                "zip: no end record at the end of the file: it was cut, or something was appended");
	if (at >= LOCATOR_BYTES) {
		fmt_cur_file(&c, f, at - LOCATOR_BYTES, 4, err);
		sig = fmt_cur_u32(&c, "zip: ZIP64 locator");
		fmt_cur_finish(&c);
		if (sig == SIG_LOCATOR && !read_end64(f, e, at - LOCATOR_BYTES, err))
			return false;
	}
	if (err->code)
		return false;
	if (e->off > e->at || e->bytes != e->at - e->off)
		return bad(err, e->at, "the end record does not describe the directory before it");
	if (e->n_entries > e->bytes / CENTRAL_BYTES)
		return fmt_fail(err, FMT_LIMIT, e->at, "zip: %" PRIu64 " entries cannot fit in a directory of %" PRIu64 " bytes",
		                e->n_entries, e->bytes);
	return true;
}

/* Names that a careless reader could take for another place, or print to somebody's harm. */
static bool check_name(struct fmt_str s, uint64_t at, struct fmt_err *err)
{
	bool odd = !s.n || s.p[0] == '/';
	char shown[FMT_SHOW_BYTES];

	for (size_t i = 0; i < s.n; i++) {
		bool starts = i == 0 || s.p[i - 1] == '/';

		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f || s.p[i] == '\\')
			odd = true;
		if (starts && s.n - i >= 2 && !memcmp(s.p + i, "..", 2) && (s.n - i == 2 || s.p[i + 2] == '/'))
			odd = true;
	}
	return !odd || fmt_fail(err, FMT_UNSAFE, at, "zip: unsafe entry name %s", fmt_show(s, shown));
}

/* A ZIP64 field of n bytes: its numbers stand for those that are all ones, in this order. */
static void read_zip64(struct fmt_cur *c, uint64_t n, struct zip_entry *e)
{
	uint64_t *fields[] = { &e->n_bytes, &e->stored_bytes, &e->header };

	for (size_t k = 0; k < sizeof fields / sizeof *fields && fmt_cur_ok(c); k++) {
		if (*fields[k] != 0xffffffff)
			continue;
		if (n < 8) {
			bad(c->err, c->pos, "the ZIP64 field lacks a number");
			return;
		}
		*fields[k] = fmt_cur_u64(c, "zip: ZIP64 field");
		n -= 8;
	}
	fmt_cur_skip(c, n, "zip: ZIP64 field");
}

/* The extra fields of an entry, n bytes of them. Bytes too few for a field are let pass, as other readers do. */
static void read_extra(struct fmt_cur *c, uint64_t n, struct zip_entry *e)
{
	bool seen = false;

	while (fmt_cur_ok(c) && n >= 4) {
		uint64_t at = c->pos;
		uint16_t id = fmt_cur_u16(c, "zip: extra field"), len = fmt_cur_u16(c, "zip: extra field");

		n -= 4;
		if (len > n || (id == 1 && seen)) {
			bad(c->err, at, "a broken extra field");
			return;
		}
		n -= len;
		if (id == 1) {
			seen = true;
			read_zip64(c, len, e);
		} else {
			fmt_cur_skip(c, len, "zip: extra field");
		}
	}
	fmt_cur_skip(c, n, "zip: extra field");
}

/* What the flags, method and sizes of an entry must be for it to be readable here. */
static bool check_entry(const struct zip_entry *e, uint16_t flags, uint16_t method, uint64_t at, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES];

	if (flags & FLAG_ENCRYPTED)
		return fmt_fail(err, FMT_UNSUPPORTED, at, "zip: entry %s is encrypted", fmt_show(e->name, name));
	if (method != 0 && method != 8)
		return fmt_fail(err, FMT_UNSUPPORTED, at, "zip: entry %s has compression method %u", fmt_show(e->name, name),
		                method);
	if (!e->deflated && e->stored_bytes != e->n_bytes)
		return fmt_fail(err, FMT_MALFORMED, at, "zip: entry %s is stored as it is but has two sizes",
		                fmt_show(e->name, name));
	return true;
}

/* One entry of the central directory. */
static bool read_central(struct fmt_cur *c, struct fmt_arena *arena, struct zip_entry *e)
{
	uint64_t at = c->pos;
	uint32_t sig = fmt_cur_u32(c, "zip: directory entry");
	uint16_t flags, method, name_n, extra_n, comment_n;

	if (fmt_cur_ok(c) && sig != SIG_CENTRAL)
		return bad(c->err, at, "an entry of the directory has the wrong signature");
	fmt_cur_skip(c, 4, "zip: directory entry"); /* versions */
	flags = fmt_cur_u16(c, "zip: directory entry");
	method = fmt_cur_u16(c, "zip: directory entry");
	fmt_cur_skip(c, 4, "zip: directory entry"); /* time and date */
	e->crc = fmt_cur_u32(c, "zip: directory entry");
	e->stored_bytes = fmt_cur_u32(c, "zip: directory entry");
	e->n_bytes = fmt_cur_u32(c, "zip: directory entry");
	name_n = fmt_cur_u16(c, "zip: directory entry");
	extra_n = fmt_cur_u16(c, "zip: directory entry");
	comment_n = fmt_cur_u16(c, "zip: directory entry");
	fmt_cur_skip(c, 8, "zip: directory entry"); /* disk, attributes */
	e->header = fmt_cur_u32(c, "zip: directory entry");
	e->deflated = method == 8;
	e->name = fmt_cur_str(c, name_n, arena, "zip: entry name");
	read_extra(c, extra_n, e);
	fmt_cur_skip(c, comment_n, "zip: entry comment");
	return fmt_cur_ok(c) && check_name(e->name, at, c->err) && check_entry(e, flags, method, at, c->err);
}

/* The local header of an entry must say the same as the directory; then its contents follow it. */
static bool read_local(const struct zip *z, struct zip_entry *e, struct fmt_err *err)
{
	struct zip_entry local = { .header = 0 };
	struct fmt_cur c;
	uint32_t sig;
	uint16_t flags, method, name_n, extra_n;
	const uint8_t *name;

	if (e->header > z->directory || z->directory - e->header < LOCAL_BYTES)
		return bad(err, e->header, "an entry lies outside of the file");
	/* names have at most 65535 bytes, extra fields too */
	fmt_cur_file(&c, z->source, e->header, LOCAL_BYTES, err);
	sig = fmt_cur_u32(&c, "zip: local header");
	fmt_cur_skip(&c, 2, "zip: local header");
	flags = fmt_cur_u16(&c, "zip: local header");
	method = fmt_cur_u16(&c, "zip: local header");
	fmt_cur_skip(&c, 4, "zip: local header");
	local.crc = fmt_cur_u32(&c, "zip: local header");
	local.stored_bytes = fmt_cur_u32(&c, "zip: local header");
	local.n_bytes = fmt_cur_u32(&c, "zip: local header");
	name_n = fmt_cur_u16(&c, "zip: local header");
	extra_n = fmt_cur_u16(&c, "zip: local header");
	fmt_cur_finish(&c);
	fmt_cur_file(&c, z->source, e->header + LOCAL_BYTES, (uint64_t)name_n + extra_n, err);
	name = fmt_cur_take(&c, name_n, "zip: local header");
	if (!name || sig != SIG_LOCAL || name_n != e->name.n || memcmp(name, e->name.p, name_n) ||
	    (method == 8) != e->deflated || flags & FLAG_ENCRYPTED)
		bad(err, e->header, "a local header differs from the directory");
	read_extra(&c, extra_n, &local);
	e->off = c.pos;
	fmt_cur_finish(&c);
	if (err->code)
		return false;
	/* with a descriptor behind the contents the header may leave sizes and checksum at 0 */
	if ((local.stored_bytes != e->stored_bytes || local.n_bytes != e->n_bytes || local.crc != e->crc) &&
	    !(flags & FLAG_DESCRIPTOR && !local.stored_bytes && !local.n_bytes && !local.crc))
		return bad(err, e->header, "a local header differs from the directory");
	if (e->off > z->directory || e->stored_bytes > z->directory - e->off)
		return bad(err, e->header, "the contents of an entry reach into the directory");
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct zip_entry *x = *(struct zip_entry *const *)a, *y = *(struct zip_entry *const *)b;
	size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
	int order = memcmp(x->name.p, y->name.p, n);

	return order ? order : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

static int by_place(const void *a, const void *b)
{
	const struct zip_entry *x = *(struct zip_entry *const *)a, *y = *(struct zip_entry *const *)b;

	return (x->header > y->header) - (x->header < y->header);
}

/* No two entries share a byte, the first begins the file, and no two have one name. Leaves them sorted by name. */
static bool check_entries(struct zip *z, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES];

	qsort(z->sorted, (size_t)z->n_entries, sizeof *z->sorted, by_place);
	if (z->n_entries && z->sorted[0]->header)
		return bad(err, 0, "something stands before the first entry");
	for (uint64_t i = 1; i < z->n_entries; i++)
		if (z->sorted[i]->header < z->sorted[i - 1]->off + z->sorted[i - 1]->stored_bytes)
			return bad(err, z->sorted[i]->header, "two entries overlap");
	qsort(z->sorted, (size_t)z->n_entries, sizeof *z->sorted, by_name);
	for (uint64_t i = 1; i < z->n_entries; i++)
		if (fmt_str_eq(z->sorted[i]->name, z->sorted[i - 1]->name))
			return fmt_fail(err, FMT_MALFORMED, z->sorted[i]->header, "zip: two entries are called %s",
			                fmt_show(z->sorted[i]->name, name));
	return true;
}

bool zip_open(struct zip *z, const struct fmt_source *source, struct fmt_arena *arena, struct fmt_err *err)
{
	struct end e = { 0 };
	struct fmt_cur c;

	*z = (struct zip){ .source = source, .arena = arena };
	if (!read_end(source, &e, err))
		return false;
	z->directory = e.off;
	z->entries = fmt_arena_alloc(arena, e.n_entries, sizeof *z->entries, err);
	z->sorted = fmt_arena_alloc(arena, e.n_entries, sizeof(struct zip_entry *), err);
	if (!z->entries || !z->sorted)
		return false;
	fmt_cur_file(&c, source, e.off, e.bytes, err);
	while (z->n_entries < e.n_entries && read_central(&c, arena, &z->entries[z->n_entries])) {
		z->sorted[z->n_entries] = &z->entries[z->n_entries];
		z->n_entries++;
	}
	if (fmt_cur_ok(&c) && fmt_cur_left(&c))
		bad(err, c.pos, "the directory has more in it than its entries");
	fmt_cur_finish(&c);
	for (uint64_t i = 0; i < z->n_entries && !err->code; i++)
		read_local(z, &z->entries[i], err);
	return !err->code && check_entries(z, err);
}

const struct zip_entry *zip_find(const struct zip *z, struct fmt_str name)
{
	struct zip_entry wanted = { .name = name }, *key = &wanted, **found;

	if (!z->n_entries)
		return NULL;
	found = bsearch(&key, z->sorted, (size_t)z->n_entries, sizeof *z->sorted, by_name);
	return found ? *found : NULL;
}

const uint8_t *zip_extract(const struct zip *z, const struct zip_entry *e, uint64_t max_bytes, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES];
	uint8_t *raw, *out;

	fmt_show(e->name, name);
	if (e->n_bytes > max_bytes || e->stored_bytes > max_bytes) {
		fmt_fail(err, FMT_LIMIT, e->header, "zip: entry %s has %" PRIu64 " bytes, at most %" PRIu64 " are read",
		         name, e->n_bytes, max_bytes);
		return NULL;
	}
	raw = fmt_arena_alloc(z->arena, e->stored_bytes, 1, err);
	out = e->deflated && raw ? fmt_arena_alloc(z->arena, e->n_bytes, 1, err) : raw;
	if (!out || !fmt_source_read(z->source, e->off, raw, (size_t)e->stored_bytes, err))
		return NULL;
	if (e->deflated && !fmt_inflate(raw, (size_t)e->stored_bytes, out, (size_t)e->n_bytes)) {
		fmt_fail(err, FMT_MALFORMED, e->off, "zip: entry %s cannot be unpacked to its size", name);
		return NULL;
	}
	if (e->crc && e->crc != fmt_crc32(out, (size_t)e->n_bytes)) {
		fmt_fail(err, FMT_MALFORMED, e->off, "zip: entry %s does not have the checksum that the directory gives", name);
		return NULL;
	}
	return out;
}
