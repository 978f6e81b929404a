/* Reading a protobuf by hand: five fields of one message. See spm_model.h.
 *
 * A message is a list of fields, each a varint (number << 3 | wire type) and its contents: a varint (0), 8 bytes (1),
 * a length and so many bytes (2), or 4 bytes (5). */
#include <string.h>

#include <libfmt/utf8.h>

#include "spm_model.h"

struct message {
	const char *base; /* of the file, for offsets */
	const char *p, *end;
	struct fmt_err *err;
};

struct field {
	uint32_t number, wire;
	uint64_t value;       /* of wire types 0, 1 and 5 */
	struct fmt_str bytes; /* of wire type 2 */
};

static bool fail(struct message *m, const char *what)
{
	return fmt_fail(m->err, FMT_MALFORMED, (uint64_t)(m->p - m->base), "SentencePiece model: %s", what);
}

static bool read_varint(struct message *m, uint64_t *out)
{
	*out = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		unsigned char c;

		if (m->p == m->end)
			return fail(m, "the message is cut short");
		c = (unsigned char)*m->p++;
		*out |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return true;
	}
	return fail(m, "a number of more than ten bytes");
}

static bool read_fixed(struct message *m, unsigned n, uint64_t *out)
{
	*out = 0;
	if ((size_t)(m->end - m->p) < n)
		return fail(m, "the message is cut short");
	for (unsigned i = 0; i < n; i++)
		*out |= (uint64_t)(unsigned char)*m->p++ << 8 * i;
	return true;
}

/* The next field; false at the end and after an error. */
static bool next_field(struct message *m, struct field *f)
{
	uint64_t tag, n;

	*f = (struct field){ .number = 0 };
	if (m->err->code || m->p == m->end || !read_varint(m, &tag))
		return false;
	f->number = (uint32_t)(tag >> 3);
	f->wire = (uint32_t)(tag & 7);
	switch (f->wire) {
	case 0:
		return read_varint(m, &f->value);
	case 1:
		return read_fixed(m, 8, &f->value);
	case 2:
		if (!read_varint(m, &n))
			return false;
		if (n > (uint64_t)(m->end - m->p))
			return fail(m, "a field reaches past the end");
		f->bytes = (struct fmt_str){ m->p, (size_t)n };
		m->p += n;
		return true;
	case 5:
		return read_fixed(m, 4, &f->value);
	default:
		return fail(m, "unknown wire type: not a SentencePiece model");
	}
}

static struct message inner(const struct message *m, struct fmt_str bytes)
{
	return (struct message){ m->base, bytes.p, bytes.p + bytes.n, m->err };
}

/* message SentencePiece { string piece = 1; float score = 2; Type type = 3 [default NORMAL]; } */
static bool read_piece(struct message m, struct spm_piece *piece)
{
	struct field f;

	*piece = (struct spm_piece){ .text = { "", 0 }, .type = 1 };
	while (next_field(&m, &f)) {
		uint32_t bits = (uint32_t)f.value;

		if (f.number == 1 && f.wire == 2)
			piece->text = f.bytes;
		else if (f.number == 2 && f.wire == 5)
			memcpy(&piece->score, &bits, 4);
		else if (f.number == 3 && f.wire == 0)
			piece->type = bits;
	}
	if (piece->type < 1 || piece->type > 6)
		return fail(&m, "a piece of unknown type");
	if (!fmt_utf8_valid(piece->text.p, piece->text.n, NULL))
		return fail(&m, "a piece that is not UTF-8");
	return !m.err->code;
}

/* An id; -1, as a 64-bit number: none. */
static uint64_t id_of(uint64_t value)
{
	return value > INT32_MAX ? UINT64_MAX : value;
}

/* message TrainerSpec { ModelType model_type = 3 [default UNIGRAM]; bool byte_fallback = 35;
 *                       int32 unk_id = 40 [default 0]; int32 bos_id = 41 [default 1]; int32 eos_id = 42 [default 2]; } */
static void read_trainer(struct message m, struct spm_model *out)
{
	struct field f;

	while (next_field(&m, &f)) {
		if (f.wire != 0)
			continue;
		switch (f.number) {
		case 3: out->kind = (uint32_t)f.value; break;
		case 35: out->byte_fallback = f.value != 0; break;
		case 40: out->unk = id_of(f.value); break;
		case 41: out->bos = id_of(f.value); break;
		case 42: out->eos = id_of(f.value); break;
		default: break;
		}
	}
}

/* message NormalizerSpec { bytes precompiled_charsmap = 2; bool add_dummy_prefix = 3 [default true];
 *                          bool remove_extra_whitespaces = 4 [default true]; } */
static void read_normalizer(struct message m, struct spm_model *out)
{
	struct field f;

	while (next_field(&m, &f)) {
		if (f.number == 2 && f.wire == 2)
			out->charsmap = f.bytes;
		else if (f.number == 3 && f.wire == 0)
			out->dummy_prefix = f.value != 0;
		else if (f.number == 4 && f.wire == 0)
			out->remove_spaces = f.value != 0;
	}
}

/* message ModelProto { repeated SentencePiece pieces = 1; TrainerSpec trainer_spec = 2;
 *                      NormalizerSpec normalizer_spec = 3; } */
bool spm_model_read(struct fmt_arena *mem, struct fmt_str file, struct spm_model *out, struct fmt_err *err)
{
	struct message m = { file.p, file.p, file.p + file.n, err };
	struct field f;
	uint64_t n = 0;

	*out = (struct spm_model){ .kind = SPM_UNIGRAM, .dummy_prefix = true, .remove_spaces = true, .bos = 1, .eos = 2 };
	while (next_field(&m, &f))
		n += f.number == 1 && f.wire == 2;
	if (err->code)
		return false;
	if (!n)
		return fail(&m, "no pieces");
	out->pieces = fmt_arena_alloc(mem, n, sizeof *out->pieces, err);
	if (!out->pieces)
		return false;
	m.p = file.p;
	while (next_field(&m, &f)) {
		if (f.number == 1 && f.wire == 2 && !read_piece(inner(&m, f.bytes), &out->pieces[out->n++]))
			return false;
		if (f.number == 2 && f.wire == 2)
			read_trainer(inner(&m, f.bytes), out);
		if (f.number == 3 && f.wire == 2)
			read_normalizer(inner(&m, f.bytes), out);
	}
	return !err->code;
}
