#include "lorabuild/data/captions.h"

/* Where no heading says what belongs together. */
enum { MOST_SAMPLES = 4, MOST_CHARACTERS = 1200 };

static size_t characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.size; i++)
        n += ((unsigned char)s.data[i] & 0xC0) != 0x80;
    return n;
}

static void number_passages(struct document *d)
{
    uint32_t passage = 0;
    size_t samples = 0, length = 0;
    bool under_heading = false;
    const struct sample *before = NULL; /* in the same passage */
    for (size_t i = 0; i < d->count; i++) {
        struct sample *s = &d->samples[i];
        if (s->kind == SAMPLE_HEADING) {
            under_heading = true;
            before = NULL;
            continue;
        }
        size_t n = characters(s->text);
        bool full = !under_heading && (samples >= MOST_SAMPLES || length + n > MOST_CHARACTERS);
        if (!before || full || s->kind != SAMPLE_TEXT || before->kind != SAMPLE_TEXT ||
            d->kind == DOCUMENT_RECORDS || !str_equal(before->caption, s->caption)) {
            passage++;
            samples = length = 0;
        }
        s->passage = passage;
        samples++;
        length += n;
        before = s;
    }
}

void captions_passages(struct dataset *d, size_t from)
{
    for (size_t i = from; i < d->document_count; i++)
        number_passages(&d->documents[i]);
}
