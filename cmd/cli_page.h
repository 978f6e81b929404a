/* Pages of HTML that need nothing else: no scripts, no fonts, no pictures from elsewhere; light or dark as the reader's system
 * is. What a page holds is its program's; the look and the writing are here. */
#ifndef CMD_CLI_PAGE_H
#define CMD_CLI_PAGE_H

#include "cli.h"

/* From the doctype to the heading. The style has variables (--bg --ink --soft --line --panel --bar), and classes: .s soft text,
 * .k a list of headline figures, .w what may scroll sideways, .b a bar in a table.
 * title   of the heading; the window's adds `about`: "NAME: memory"
 * style   more of it, "" for none */
void page_head(FILE *f, struct fmt_str title, const char *about, const char *style);
void page_foot(FILE *f);

/* One figure of <ul class="k">: its value, and what it is. Both are HTML. */
void page_headline(FILE *f, const char *value, const char *what);

/* Whether a page can be written there, before work that takes long. */
bool page_check(const char *path, bool force, struct fmt_err *err);

/* Has `print` make a text and writes it to `path`, whole or not at all; "-" is standard output.
 * returns false with *err set: what print says, no memory, or as a sink does */
bool page_write(const char *path, bool force, bool (*print)(FILE *f, void *user, struct fmt_err *err), void *user,
                struct fmt_err *err);

#endif
