#include "der.h"

#include <string.h>

#define NODES_MAXIMUM (4096)
#define DEPTH_MAXIMUM (16)

typedef struct {
	uint8_t			tag;
	/* Of a bit string: how many bits are unused. */
	bool			hasPrefix;
	uint8_t			prefix;
	/* Where it has none of its own: its children, which follow it up to `end`. */
	const uint8_t	*value;
	size_t			length;
	int				end;
} Node;

typedef struct {
	Node			nodes[NODES_MAXIMUM];
	int				count;
	int				changed;
	const char		*change;
	const uint8_t	*bytes;
	size_t			byteCount;
	uint8_t			*out;
	size_t			room, length;
	bool			isFull;
} Tree;

/* The head of a node; false where there is none. */
static bool readHead(const uint8_t **at, const uint8_t *end, uint8_t *tag, size_t *length)
{
	const uint8_t *p = *at;
	size_t bytes;

	if (end - p < 2)
		return false;
	*tag = *p++;
	*length = *p++;
	if (*length >= 0x80) {
		bytes = *length & 0x7f;
		if (0 == bytes || bytes > 3 || (size_t)(end - p) < bytes)
			return false;
		for (*length = 0; bytes > 0; bytes--)
			*length = *length << 8 | *p++;
	}
	*at = p;
	return (size_t)(end - p) >= *length;
}

static bool isWhole(const uint8_t *at, const uint8_t *end)
{
	uint8_t tag;
	size_t length;

	if (at == end)
		return false;
	while (at < end) {
		if (!readHead(&at, end, &tag, &length))
			return false;
		at += length;
	}
	return true;
}

static bool parse(Tree *tree, const uint8_t *at, const uint8_t *end, int depth)
{
	while (at < end) {
		Node *node = tree->nodes + tree->count;
		const uint8_t *inner;
		uint8_t tag;
		size_t length;

		if (NODES_MAXIMUM == tree->count || depth > DEPTH_MAXIMUM || !readHead(&at, end, &tag, &length))
			return false;
		tree->count++;
		*node = (Node){.tag = tag, .value = at, .length = length};
		inner = at;
		at += length;
		if (0x03 == tag && length > 1 && 0 == *inner && isWhole(inner + 1, at)) {
			node->hasPrefix = true;
			node->prefix = *inner++;
		} else if (!((tag & 0x20) || 0x04 == tag) || !isWhole(inner, at)) {
			node->end = tree->count;
			continue;
		}
		node->value = NULL;
		if (!parse(tree, inner, at, depth + 1))
			return false;
		node->end = tree->count;
	}
	return true;
}

size_t derHead(uint8_t tag, size_t length, uint8_t head[6])
{
	size_t count = 0;

	head[count++] = tag;
	if (length >= 0x10000) {
		head[count++] = 0x83;
		head[count++] = (uint8_t)(length >> 16);
	} else if (length >= 0x100)
		head[count++] = 0x82;
	else if (length >= 0x80)
		head[count++] = 0x81;
	if (length >= 0x100)
		head[count++] = (uint8_t)(length >> 8);
	head[count++] = (uint8_t)length;
	return count;
}

/* What is written is written from behind, as lengths are known then. */
static void put(Tree *tree, const void *bytes, size_t count)
{
	if (tree->isFull || tree->length + count > tree->room) {
		tree->isFull = true;
		return;
	}
	tree->length += count;
	memcpy(tree->out + tree->room - tree->length, bytes, count);
}

static void putHead(Tree *tree, uint8_t tag, size_t length)
{
	uint8_t head[6];

	put(tree, head, derHead(tag, length, head));
}

static bool is(const Tree *tree, int index, const char *change)
{
	return tree->changed == index && 0 == strcmp(tree->change, change);
}

static void putNodes(Tree *tree, int from, int to);

static void putNode(Tree *tree, int index)
{
	const Node *node = tree->nodes + index;
	const size_t before = tree->length;
	const uint8_t longHead[] = {node->tag, 0x83, 0};

	if (is(tree, index, "last"))
		put(tree, tree->bytes, tree->byteCount);
	if (is(tree, index, "value"))
		put(tree, tree->bytes, tree->byteCount);
	else if (node->value)
		put(tree, node->value, node->length);
	else
		putNodes(tree, index + 1, node->end);
	if (is(tree, index, "first"))
		put(tree, tree->bytes, tree->byteCount);
	if (node->hasPrefix)
		put(tree, &node->prefix, 1);
	if (is(tree, index, "long")) {
		const size_t length = tree->length - before;
		const uint8_t low[] = {(uint8_t)(length >> 8), (uint8_t)length};

		put(tree, low, sizeof(low));
		put(tree, longHead, sizeof(longHead));
	} else
		putHead(tree, is(tree, index, "tag") && tree->byteCount > 0 ? tree->bytes[0] : node->tag, tree->length - before);
	if (is(tree, index, "wrap"))
		putHead(tree, tree->byteCount > 0 ? tree->bytes[0] : 0x30, tree->length - before);
}

static void putNodes(Tree *tree, int from, int to)
{
	int starts[NODES_MAXIMUM], count = 0, i;
	uint32_t times = tree->byteCount > 1 ? (uint32_t)(tree->bytes[0] << 8 | tree->bytes[1]) : 2;

	for (i = from; i < to; i = tree->nodes[i].end)
		starts[count++] = i;
	while (count-- > 0) {
		const int index = starts[count];
		const size_t before = tree->length;
		uint32_t time;

		if (is(tree, index, "drop"))
			continue;
		putNode(tree, index);
		for (time = 1; is(tree, index, "times") && time < times && !tree->isFull; time++)
			putNode(tree, index);
		for (time = 0; is(tree, index, "deep") && time < times && !tree->isFull; time++)
			putHead(tree, 0x30, tree->length - before);
	}
}

size_t derChange(const uint8_t *der, size_t length, uint32_t node, const char *change, const uint8_t *bytes,
	size_t count, uint8_t *out, size_t room)
{
	static const char *const kChanges[] = {"tag", "value", "first", "last", "times", "drop", "wrap", "long", "deep"};
	static Tree tree;
	size_t i;

	for (i = 0; i < sizeof(kChanges) / sizeof(*kChanges) && strcmp(kChanges[i], change); i++)
		;
	tree.count = 0;
	if (sizeof(kChanges) / sizeof(*kChanges) == i || !parse(&tree, der, der + length, 0) || 0 == tree.count)
		return 0;
	tree.changed = (int)(node % (uint32_t)tree.count);
	tree.change = change;
	tree.bytes = bytes;
	tree.byteCount = count;
	tree.out = out;
	tree.room = room;
	tree.length = 0;
	tree.isFull = false;
	putNodes(&tree, 0, tree.count);
	if (tree.isFull)
		return 0;
	memmove(out, out + room - tree.length, tree.length);
	return tree.length;
}
