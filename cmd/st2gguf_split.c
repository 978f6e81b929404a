/* An output in several files, as llama.cpp loads them: NAME-00001-of-00003.gguf has all keys, and each says which part it is. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "st2gguf.h"

#define MAX_PARTS 65535 /* split.count has 16 bits */
#define PADDING   32    /* of tensors, in each file but one with an alignment of its own, which no limit is so close to */

/* As llama-gguf-split takes it, "2G" for two billion bytes, or as other options do, "2GiB". false: it is none, or 0 */
static bool read_size(const char *text, uint64_t *n_bytes)
{
	size_t n = strspn(text, "0123456789");
	uint64_t unit = !strcasecmp(text + n, "G") ? 1000000000 : !strcasecmp(text + n, "M") ? 1000000 : 0;

	if (!unit || !n || n > 9) /* nine digits of them fit */
		return cli_size(text, n_bytes) && *n_bytes;
	*n_bytes = strtoull(text, NULL, 10) * unit;
	return *n_bytes;
}

int st2gguf_split_usage(const struct cli_program *p, struct st2gguf_split *s, bool vocab_only)
{
	if (s->size && !read_size(s->size, &s->max_bytes))
		return cli_usage_error(p, "--split-max-size: '%s' is not a size such as 2G or 500M", s->size);
	if (s->max_tensors_given && !s->max_tensors)
		return cli_usage_error(p, "--split-max-tensors is at least 1");
	if (!!s->max_bytes + !!s->max_tensors + s->keep > 1)
		return cli_usage_error(p, "one of --split-max-size, --split-max-tensors and --keep-split");
	if (s->no_tensor_first && !s->max_bytes && !s->max_tensors)
		return cli_usage_error(p, "--no-tensor-first-split needs --split-max-size or --split-max-tensors");
	if (vocab_only && (s->max_bytes || s->max_tensors))
		return cli_usage_error(p, "--vocab-only writes no tensors: there is nothing to split");
	return CLI_OK;
}

static uint64_t padded_bytes(const struct conversion *c, uint64_t i)
{
	return (fmt_writer_bytes(c->writer, (uint32_t)i) + PADDING - 1) / PADDING * PADDING;
}

/* A tensor is in one part, however large. The sum cannot overflow: all of them fit into one file. */
static size_t cut(const struct conversion *c, const struct st2gguf_split *s, uint64_t *first)
{
	size_t n = 1;
	uint64_t sum = 0;

	first[0] = 0;
	if (s->no_tensor_first)
		first[n++] = 0;
	for (uint64_t i = 0; i < c->view->n_tensors; i++) {
		sum += padded_bytes(c, i);
		if (i == first[n - 1] || (s->max_tensors ? i % s->max_tensors != 0 : sum <= s->max_bytes))
			continue;
		first[n++] = i;
		sum = padded_bytes(c, i);
	}
	return n;
}

/* As the source is cut: its tensors stand in the order of its files. */
static size_t cut_as_source(const struct conversion *c, uint64_t *first)
{
	size_t n = 0;

	for (uint64_t i = 0; i < c->view->n_tensors; i++)
		while (n <= c->view->tensors[i].file)
			first[n++] = i;
	while (n < c->view->weights->n_files)
		first[n++] = c->view->n_tensors;
	return n;
}

/* Cuts what a name need not have: ".gguf", and the number of a part. */
static size_t stem(const char *output)
{
	static const char pattern[] = "-ddddd-of-ddddd";
	size_t n = strlen(output), p = sizeof pattern - 1;

	if (n > 5 && !strcasecmp(output + n - 5, ".gguf"))
		n -= 5;
	if (n <= p)
		return n;
	for (size_t i = 0; i < p; i++) {
		char here = output[n - p + i];

		if (pattern[i] == 'd' ? here < '0' || here > '9' : here != pattern[i])
			return n;
	}
	return n - p;
}

static char *part_path(const char *output, size_t no, size_t n_parts, struct fmt_err *err)
{
	size_t prefix = stem(output), n = prefix + 64;
	char *path = malloc(n);

	if (path)
		snprintf(path, n, "%.*s-%05zu-of-%05zu.gguf", (int)prefix, output, no + 1, n_parts);
	else
		fmt_fail_nomem(err, n);
	return path;
}

static bool part_keys(struct conversion *c, struct fmt_writer *w, size_t no, struct fmt_err *err)
{
	const struct fmt_kv keys[] = { /* in the order of llama-gguf-split, so that its files and these are the same bytes */
		{ FMT_STR("split.no"), { .type = FMT_KV_U16, .as.u = no } },
		{ FMT_STR("split.tensors.count"), { .type = FMT_KV_I32, .as.i = (int64_t)c->view->n_tensors } },
		{ FMT_STR("split.count"), { .type = FMT_KV_U16, .as.u = c->n_parts } },
	};

	if (!no && !st2gguf_write_keys(c, w, err))
		return false;
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (!fmt_writer_kv(w, &keys[i], err))
			return false;
	return true;
}

static bool lay_out_part(struct conversion *c, size_t no, uint64_t end, struct fmt_err *err)
{
	struct part *p = &c->parts[no];

	p->path = part_path(c->output, no, c->n_parts, err);
	p->writer = p->path ? fmt_writer_create(FMT_OUT_GGUF, err) : NULL;
	if (!p->writer || !part_keys(c, p->writer, no, err))
		return false;
	for (uint64_t i = p->first; i < end; i++) {
		const struct fmt_view_tensor *vt = &c->view->tensors[i];
		uint32_t index;

		if (!fmt_writer_tensor(p->writer, vt->name, c->types[i], vt->n_dims, vt->dims, &index, err))
			return false;
	}
	return fmt_writer_layout(p->writer, &p->file_bytes, err);
}

static bool lay_out_parts(struct conversion *c, const uint64_t *first, struct fmt_err *err)
{
	c->file_bytes = 0;
	for (size_t i = 0; i < c->n_parts; i++) {
		c->parts[i].first = first[i];
		if (!lay_out_part(c, i, i + 1 < c->n_parts ? first[i + 1] : c->view->n_tensors, err))
			return false;
		c->file_bytes += c->parts[i].file_bytes;
	}
	return true;
}

/* The whole as the only part. */
static bool one_part(struct conversion *c, struct fmt_err *err)
{
	struct part *p = &c->parts[0];

	p->path = strdup(c->output);
	if (!p->path)
		return fmt_fail_nomem(err, strlen(c->output));
	p->writer = c->writer;
	p->file_bytes = c->file_bytes;
	return true;
}

static bool divide(struct conversion *c, const struct st2gguf_split *s, uint64_t *first, struct fmt_err *err)
{
	size_t n = 1;

	if (s->keep && (c->view->from_dir || !c->view->weights))
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--keep-split is for a GGUF in several files; --split-max-size cuts others");
	if (s->keep)
		n = cut_as_source(c, first);
	else if (s->max_tensors || s->max_bytes)
		n = cut(c, s, first);
	if (n > MAX_PARTS)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "%zu files, of which there can be %d: a larger --split-max-size or "
		                "--split-max-tensors makes fewer", n, MAX_PARTS);
	c->parts = calloc(n, sizeof *c->parts);
	if (!c->parts)
		return fmt_fail_nomem(err, n * sizeof *c->parts);
	c->n_parts = n;
	return n == 1 ? one_part(c, err) : lay_out_parts(c, first, err);
}

bool st2gguf_split(struct conversion *c, const struct st2gguf_split *s, struct fmt_err *err)
{
	size_t room = (size_t)c->view->n_tensors + 2 + (c->view->weights ? c->view->weights->n_files : 0);
	uint64_t *first = calloc(room, sizeof *first);
	bool ok = first ? divide(c, s, first, err) : fmt_fail_nomem(err, room * sizeof *first);

	free(first);
	return ok;
}

void st2gguf_split_finish(struct conversion *c)
{
	for (size_t i = 0; i < c->n_parts; i++) {
		free(c->parts[i].path);
		if (c->parts[i].writer != c->writer)
			fmt_writer_destroy(c->parts[i].writer);
	}
	free(c->parts);
	c->parts = NULL;
	c->n_parts = 0;
}

size_t st2gguf_part_of(const struct conversion *c, uint64_t i)
{
	size_t no = 0;

	while (no + 1 < c->n_parts && c->parts[no + 1].first <= i)
		no++;
	return no;
}
