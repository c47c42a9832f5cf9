/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a domain's XML, with libxml2.
 *
 * The XML is libvirt's own, so it is trusted as far as the host's admin is; still it is parsed
 * without network, entities or huge documents, and only the few attributes that Platen acts on are
 * looked at.
 */
#include "host/virt/domain.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define OPTIONS (XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING)

/* The text of the first node that an expression finds; empty if there is none. */
static void find(xmlXPathContextPtr context, const char *expression, char *buf, size_t size)
{
	xmlXPathObjectPtr found = xmlXPathEvalExpression((const xmlChar *)expression, context);
	xmlChar *text = NULL;

	if (found && found->nodesetval && found->nodesetval->nodeNr > 0)
		text = xmlNodeGetContent(found->nodesetval->nodeTab[0]);
	text_copy_line(buf, size, text ? (const char *)text : "");
	xmlFree(text);
	xmlXPathFreeObject(found);
}

int domain_read_xml(const char *xml, struct virt_domain *d, char socket[static 108])
{
	xmlDocPtr doc = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, OPTIONS);
	xmlXPathContextPtr context = doc ? xmlXPathNewContext(doc) : NULL;
	char text[128];

	if (!context) {
		xmlFreeDoc(doc);
		return -EINVAL;
	}
	d->devices = 0;
	find(context, "//devices/channel/target[@name='" VIRTIO_PORT "']/@type", text,
		sizeof(text));
	if (text[0])
		d->devices |= VIRT_DEVICE_VIRTIO;
	find(context, "//devices/channel/target[@name='" VIRTIO_PORT "']/@state", text,
		sizeof(text));
	d->connected = strcmp(text, "connected") == 0;
	find(context, "//devices/channel[target/@name='" VIRTIO_PORT "']/source/@path", socket,
		108);
	find(context, "//devices/vsock/@model", text, sizeof(text));
	if (text[0])
		d->devices |= VIRT_DEVICE_VSOCK;
	find(context, "//devices/vsock/cid/@address", text, sizeof(text));
	d->cid = (uint32_t)strtoul(text, NULL, 10);
	find(context, "/domain/seclabel[@model='apparmor']/@type", text, sizeof(text));
	d->confined = strcmp(text, "dynamic") == 0 || strcmp(text, "static") == 0;
	xmlXPathFreeContext(context);
	xmlFreeDoc(doc);
	return 0;
}

static const char *const modes[] = {"", "off", "network", "all"};
static const char *const restarts[] = {"", "auto", "ask", "never"};

void domain_read_metadata(const char *xml, struct virt_domain *d)
{
	xmlDocPtr doc = xml ? xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, OPTIONS) : NULL;
	xmlXPathContextPtr context = doc ? xmlXPathNewContext(doc) : NULL;
	char text[USER_SIZE];

	d->mode = VIRT_MODE_UNSET;
	d->restart = VIRT_RESTART_UNSET;
	memset(d->owner, 0, sizeof(d->owner));
	if (context) {
		find(context, "/*/@mode", text, sizeof(text));
		for (uint32_t i = VIRT_MODE_OFF; i <= VIRT_MODE_ALL; i++)
			if (strcmp(text, modes[i]) == 0)
				d->mode = i;
		find(context, "/*/@restart", text, sizeof(text));
		for (uint32_t i = VIRT_RESTART_AUTO; i <= VIRT_RESTART_NEVER; i++)
			if (strcmp(text, restarts[i]) == 0)
				d->restart = i;
		find(context, "/*/@owner", text, sizeof(text));
		if (text_is_user(text))
			memcpy(d->owner, text, sizeof(d->owner));
		xmlXPathFreeContext(context);
	}
	xmlFreeDoc(doc);
}

static void set_or_unset(xmlNodePtr node, const char *name, const char *value)
{
	if (*value)
		(void)xmlSetProp(node, (const xmlChar *)name, (const xmlChar *)value);
	else
		(void)xmlUnsetProp(node, (const xmlChar *)name);
}

/* Our element as it is, or an empty one. The caller frees the document. */
static xmlDocPtr element_read(const char *xml)
{
	xmlDocPtr doc = xml ? xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, OPTIONS) : NULL;

	if (doc && xmlDocGetRootElement(doc))
		return doc;
	xmlFreeDoc(doc);
	doc = xmlNewDoc((const xmlChar *)"1.0");
	(void)xmlDocSetRootElement(doc, xmlNewNode(NULL, (const xmlChar *)"workspace"));
	return doc;
}

/* A node as text, malloc'ed. */
static char *node_text(xmlDocPtr doc, xmlNodePtr node)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	char *text = NULL;

	if (buffer && xmlNodeDump(buffer, doc, node, 0, 0) > 0)
		text = strdup((const char *)xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	return text;
}

char *domain_write_metadata(const char *old_xml, const struct virt_set *set)
{
	xmlDocPtr doc = element_read(old_xml);
	xmlNodePtr root = xmlDocGetRootElement(doc);
	char *text = NULL;

	if (set->set_restart)
		set_or_unset(root, "restart", restarts[set->restart]);
	else
		set_or_unset(root, "mode", modes[set->mode]);
	if (set->set_owner)
		set_or_unset(root, "owner", set->owner);
	if (root->properties || root->children)
		text = node_text(doc, root);
	xmlFreeDoc(doc);
	return text;
}

char *domain_note(const char *old_xml, const char *device)
{
	xmlDocPtr doc = element_read(old_xml);
	char *text;

	set_or_unset(xmlDocGetRootElement(doc), device, "attached");
	text = node_text(doc, xmlDocGetRootElement(doc));
	xmlFreeDoc(doc);
	return text;
}

bool domain_brought(const char *xml, const char *device)
{
	xmlDocPtr doc = element_read(xml);
	xmlChar *value = xmlGetProp(xmlDocGetRootElement(doc), (const xmlChar *)device);
	bool brought = value && strcmp((const char *)value, "attached") == 0;

	xmlFree(value);
	xmlFreeDoc(doc);
	return brought;
}

/* The first element that the expression finds, as text, or NULL. */
static char *element_xml(const char *xml, const char *expression)
{
	xmlDocPtr doc = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, OPTIONS);
	xmlXPathContextPtr context = doc ? xmlXPathNewContext(doc) : NULL;
	xmlXPathObjectPtr found =
		context ? xmlXPathEvalExpression((const xmlChar *)expression, context) : NULL;
	char *text = NULL;

	if (found && found->nodesetval && found->nodesetval->nodeNr > 0)
		text = node_text(doc, found->nodesetval->nodeTab[0]);
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(context);
	xmlFreeDoc(doc);
	return text;
}

char *domain_device_xml(const char *xml, uint32_t device)
{
	return element_xml(xml, device == VIRT_DEVICE_VSOCK
					? "//devices/vsock"
					: "//devices/channel[target/@name='" VIRTIO_PORT "']");
}

char *domain_unused_controller(const char *xml)
{
	return element_xml(xml, "//devices[not(channel/target/@type='virtio') and "
				"not(console/target/@type='virtio')]"
				"/controller[@type='virtio-serial']");
}

bool domain_has_controller(const char *xml)
{
	_cleanup_free_ char *element =
		element_xml(xml, "//devices/controller[@type='virtio-serial']");

	return element;
}
