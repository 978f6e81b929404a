/* tensor-convert: copies tensors as they are from one container to another. */
#include <stdlib.h>
#include <string.h>

#include <libfmt/model.h>
#include <libfmt/write.h>

#include "cli.h"

#define PIECE_BYTES ((uint64_t)8 << 20) /* copied at once: memory does not depend on the size of a tensor */

static const struct format {
	const char *name;
	enum fmt_out_format format;
	const char *endings; /* of file names, each between spaces */
} formats[] = {
	{ "safetensors", FMT_OUT_SAFETENSORS, " .safetensors " },
	{ "torch", FMT_OUT_TORCH, " .pt .pth .bin .ckpt " },
	{ "gguf", FMT_OUT_GGUF, " .gguf " },
};

struct job {
	struct cli_program *program;
	const struct format *format;
	const char *out;
	bool force;
	const struct fmt_model *in;
	struct fmt_writer *writer;
	struct fmt_sink *sink;
	uint64_t file_bytes, done_bytes, total_bytes;
	struct cli_progress progress;
	struct fmt_err err;
};

static const struct format *format_named(const char *name)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

/* The format that the ending of a file name stands for. */
static const struct format *format_of(const char *path)
{
	const char *dot = strrchr(path, '.');
	char ending[32];

	if (!dot || strlen(dot) > sizeof ending - 3 || strchr(dot, '/') || strchr(dot, ' '))
		return NULL;
	snprintf(ending, sizeof ending, " %s ", dot);
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strstr(formats[i].endings, ending))
			return &formats[i];
	return NULL;
}

/* Metadata, as far as the format can hold it; what it cannot is counted and told. */
static bool announce_metadata(struct job *j)
{
	uint64_t n_left = 0;

	for (uint64_t i = 0; i < j->in->n_kv; i++) {
		const struct fmt_kv *kv = &j->in->kv[i];
		bool fits = j->format->format == FMT_OUT_GGUF ||
		            (j->format->format == FMT_OUT_SAFETENSORS && kv->value.type == FMT_KV_STR);

		if (!fits)
			n_left++;
		else if (!fmt_writer_kv(j->writer, kv, &j->err))
			return false;
	}
	if (n_left)
		cli_note(j->program, "%llu of %llu metadata keys are left out: %s", (unsigned long long)n_left,
		         (unsigned long long)j->in->n_kv,
		         j->format->format == FMT_OUT_TORCH ? "PyTorch files hold none" : "safetensors holds only text");
	return true;
}

static bool announce(struct job *j)
{
	if (!announce_metadata(j))
		return false;
	for (uint64_t i = 0; i < j->in->n_tensors; i++) {
		const struct fmt_tensor *t = &j->in->tensors[i];
		uint32_t index; /* equals i, as announced in this order */

		if (!fmt_writer_tensor(j->writer, t->name, t->type, t->n_dims, t->dims, &index, &j->err))
			return false;
		j->total_bytes += t->n_bytes;
	}
	return fmt_writer_layout(j->writer, &j->file_bytes, &j->err);
}

/* Copies one piece, which is itself a tensor, to `off` in the contents of tensor `index`. */
static bool copy_piece(struct job *j, uint32_t index, const struct fmt_tensor *piece, uint64_t row, uint64_t n_rows,
                       uint64_t off, size_t n, void *buffer)
{
	if (!fmt_tensor_read(j->in, piece, row, n_rows, buffer, &j->err) ||
	    !fmt_writer_data(j->writer, j->sink, index, off, buffer, n, &j->err))
		return false;
	j->done_bytes += n;
	cli_progress_update(&j->progress, j->done_bytes, j->total_bytes);
	return true;
}

/* Contents that lie in one piece are cut wherever a block ends, rows or not. */
static bool copy_contiguous(struct job *j, uint32_t index, const struct fmt_tensor *t, void *buffer)
{
	const uint32_t block_bytes = fmt_type_info(t->type)->block_bytes;
	const uint64_t n_blocks = t->n_bytes / block_bytes, at_once = PIECE_BYTES / block_bytes;

	for (uint64_t at = 0; at < n_blocks; at += at_once) {
		uint64_t n = n_blocks - at < at_once ? n_blocks - at : at_once;
		struct fmt_tensor piece = fmt_tensor_piece(t, at, n);

		if (!copy_piece(j, index, &piece, 0, 1, at * block_bytes, (size_t)piece.n_bytes, buffer))
			return false;
	}
	return true;
}

/* A view with strides is put in order row by row. */
static bool copy_strided(struct job *j, uint32_t index, const struct fmt_tensor *t)
{
	uint64_t rows = fmt_tensor_rows(t), row_bytes = rows ? t->n_bytes / rows : 0;
	uint64_t at_once = row_bytes && row_bytes < PIECE_BYTES ? PIECE_BYTES / row_bytes : 1;
	void *buffer = malloc((size_t)(at_once * row_bytes) + 1);
	bool ok = buffer || fmt_fail_nomem(&j->err, at_once * row_bytes);

	for (uint64_t row = 0; ok && row < rows && row_bytes; row += at_once) {
		uint64_t n = rows - row < at_once ? rows - row : at_once;

		ok = copy_piece(j, index, t, row, n, row * row_bytes, (size_t)(n * row_bytes), buffer);
	}
	free(buffer);
	return ok;
}

static bool copy_tensors(struct job *j)
{
	void *buffer = malloc((size_t)PIECE_BYTES);
	bool ok = buffer || fmt_fail_nomem(&j->err, PIECE_BYTES);

	cli_progress_start(&j->progress, j->program, "copying", NULL);
	for (uint64_t i = 0; ok && i < j->in->n_tensors; i++) {
		const struct fmt_tensor *t = &j->in->tensors[i];

		ok = t->strides ? copy_strided(j, (uint32_t)i, t) : copy_contiguous(j, (uint32_t)i, t, buffer);
	}
	cli_progress_end(&j->progress);
	free(buffer);
	return ok;
}

static bool write_output(struct job *j)
{
	j->sink = fmt_sink_create(j->out, j->force, &j->err);
	if (!j->sink)
		return false;
	if (!fmt_writer_header(j->writer, j->sink, &j->err) || !copy_tensors(j)) {
		fmt_sink_abort(j->sink);
		return false;
	}
	return fmt_sink_commit(j->sink, j->file_bytes, &j->err);
}

static void report(const struct job *j)
{
	struct cli_json out;
	char size[32];

	if (!j->program->json) {
		cli_note(j->program, "wrote %s: %llu tensors, %s", j->out, (unsigned long long)j->in->n_tensors,
		         cli_bytes(j->file_bytes, size));
		return;
	}
	cli_json_start(&out, stdout);
	cli_json_object(&out, NULL);
	cli_json_cstr(&out, "output", j->out);
	cli_json_cstr(&out, "format", j->format->name);
	cli_json_u64(&out, "tensors", j->in->n_tensors);
	cli_json_u64(&out, "bytes", j->file_bytes);
	cli_json_close(&out, '}');
	cli_json_end(&out);
}

static bool convert(struct job *j, const char *const *paths, uint32_t n)
{
	struct fmt_model *m = fmt_model_open_shards(paths, n, &j->err);
	bool ok = m != NULL;

	j->in = m;
	if (ok)
		j->writer = fmt_writer_create(j->format->format, &j->err);
	ok = ok && j->writer && announce(j) && write_output(j);
	if (ok)
		report(j);
	fmt_writer_destroy(j->writer);
	fmt_model_close(m);
	return ok;
}

int main(int argc, char **argv)
{
	struct job j = { .out = NULL };
	const char *to = NULL;
	struct cli_program p;
	struct cli_opt opts[] = {
		{ .kind = CLI_STRING, .letter = 'o', .name = "output", .value = "OUT", .dst = &j.out, .help = "the file to write" },
		{ .kind = CLI_STRING, .name = "to", .value = "FORMAT", .dst = &to,
		  .help = "safetensors, torch or gguf; the default is\nwhat the ending of OUT stands for" },
		{ .kind = CLI_FLAG, .name = "force", .dst = &j.force, .help = "replace OUT if it is there" },
		{ .kind = CLI_FLAG, .name = "json", .dst = &p.json, .help = "say what was done as JSON" },
		{ .kind = CLI_FLAG, .name = "quiet", .dst = &p.quiet, .help = "print no messages but errors" },
		{ 0 },
	};
	int n = argc;

	p = (struct cli_program){
		.name = "tensor-convert",
		.usage = "tensor-convert [--to FORMAT] [--force] FILE... -o OUT",
		.about = "Copies the tensors of a safetensors, PyTorch or GGUF file as they are into another\n"
		         "container. Several FILEs are taken as the parts of one model. Nothing in a PyTorch\n"
		         "file is executed.",
		.examples = "  tensor-convert pytorch_model.bin -o model.safetensors\n"
		            "  tensor-convert model-*.safetensors -o model.safetensors\n",
		.opts = opts,
	};
	cli_parse(&p, &n, argv);
	j.program = &p;
	if (n < 1)
		return cli_usage_error(&p, "no file to convert");
	if (!j.out)
		return cli_usage_error(&p, "where to? give -o OUT");
	j.format = to ? format_named(to) : format_of(j.out);
	if (!j.format)
		return cli_usage_error(&p, to ? "unknown format '%s'" : "the ending of '%s' names no format: give --to",
		                       to ? to : j.out);
	if (!convert(&j, (const char *const *)argv + 1, (uint32_t)n))
		return cli_fail(&p, &j.err);
	return cli_finish(&p, CLI_OK);
}
