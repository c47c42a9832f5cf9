/* SPDX-License-Identifier: Apache-2.0 */
/* A domain's XML and Platen's element in its metadata. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/virt/domain.h"

#define CHANNEL(attributes)                                                                        \
	"<channel type='unix'><source mode='bind' path='/run/a &amp; b'/>"                         \
	"<target type='virtio' name='org.platen.0'" attributes "/><alias name='channel1'/>"        \
	"</channel>"
#define OTHER		"<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
#define DOMAIN(devices) "<domain><name>x</name><devices>" devices "</devices></domain>"

static const struct {
	const char *xml;
	int result;
	uint32_t devices, connected, cid;
	const char *socket;
} rows[] = {
	{DOMAIN(""), 0, 0, 0, 0, ""},
	{DOMAIN(OTHER), 0, 0, 0, 0, ""},
	{DOMAIN(OTHER CHANNEL("")), 0, VIRT_DEVICE_VIRTIO, 0, 0, "/run/a & b"},
	{DOMAIN(CHANNEL(" state='connected'")), 0, VIRT_DEVICE_VIRTIO, 1, 0, "/run/a & b"},
	{DOMAIN(CHANNEL(" state='disconnected'")), 0, VIRT_DEVICE_VIRTIO, 0, 0, "/run/a & b"},
	{DOMAIN("<vsock model='virtio'><cid auto='yes' address='7'/></vsock>"), 0,
		VIRT_DEVICE_VSOCK, 0, 7, ""},
	{"<domain><devices>", -22, 0, 0, 0, ""},
	{"", -22, 0, 0, 0, ""},
};

START_TEST(test_devices)
{
	struct virt_domain d = {0};
	char socket[108] = "";

	ck_assert_int_eq(domain_read_xml(rows[_i].xml, &d, socket), rows[_i].result);
	if (rows[_i].result < 0)
		return;
	ck_assert_uint_eq(d.devices, rows[_i].devices);
	ck_assert_uint_eq(d.connected, rows[_i].connected);
	ck_assert_uint_eq(d.cid, rows[_i].cid);
	ck_assert_str_eq(socket, rows[_i].socket);
}
END_TEST

/* As libvirt shows a domain that runs; one of the file's owner says nothing of AppArmor. */
START_TEST(test_confined)
{
	static const struct {
		const char *label;
		uint32_t confined;
	} labels[] = {
		{"", 0},
		{"<seclabel type='dynamic' model='dac' relabel='yes'><label>+64055:+64055</label>"
		 "</seclabel>",
			0},
		{"<seclabel type='none' model='apparmor'/>", 0},
		{"<seclabel type='dynamic' model='dac' relabel='yes'/><seclabel type='dynamic' "
		 "model='apparmor' relabel='yes'><label>libvirt-0011</label></seclabel>",
			1},
		{"<seclabel type='static' model='apparmor'><label>own</label></seclabel>", 1},
	};
	char xml[512], socket[108];

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		struct virt_domain d = {.confined = 9};

		(void)snprintf(xml, sizeof(xml), "<domain><devices/>%s</domain>", labels[i].label);
		ck_assert_int_eq(domain_read_xml(xml, &d, socket), 0);
		ck_assert_uint_eq(d.confined, labels[i].confined);
	}
}
END_TEST

START_TEST(test_metadata_goes_and_comes)
{
	struct virt_set set = {.mode = VIRT_MODE_ALL, .set_owner = 1, .owner = "anna"};
	struct virt_domain d;
	char *one = domain_write_metadata("<w future='1'><kept/></w>", &set), *two;

	ck_assert_ptr_nonnull(one);
	ck_assert_ptr_nonnull(strstr(one, "future=\"1\""));
	ck_assert_ptr_nonnull(strstr(one, "<kept/>"));
	domain_read_metadata(one, &d);
	ck_assert_uint_eq(d.mode, VIRT_MODE_ALL);
	ck_assert_str_eq(d.owner, "anna");
	set = (struct virt_set){.mode = VIRT_MODE_UNSET, .set_owner = 1};
	two = domain_write_metadata(one, &set);
	domain_read_metadata(two, &d);
	ck_assert_uint_eq(d.mode, VIRT_MODE_UNSET);
	ck_assert_str_eq(d.owner, "");
	free(one);
	free(two);
	ck_assert_ptr_null(domain_write_metadata(NULL, &set)); /* nothing to store */
	ck_assert_ptr_null(domain_write_metadata("no XML", &set));
}
END_TEST

START_TEST(test_bad_metadata_is_none)
{
	static const char *const texts[] = {
		"", "<", "<w mode='loud'/>", "<w mode='' owner='../../x'/>", "text"};
	struct virt_domain d;

	domain_read_metadata(texts[_i], &d);
	ck_assert_uint_eq(d.mode, VIRT_MODE_UNSET);
	ck_assert_str_eq(d.owner, "");
}
END_TEST

START_TEST(test_whose_vsock)
{
	char *noted = domain_note("<w mode='all'/>", DOMAIN_VSOCK),
	     *first = domain_note(NULL, DOMAIN_VSOCK);
	struct virt_set set = {.mode = VIRT_MODE_OFF};
	char *later = domain_write_metadata(noted, &set);

	ck_assert(domain_brought(noted, DOMAIN_VSOCK));
	ck_assert(domain_brought(first, DOMAIN_VSOCK));
	ck_assert(domain_brought(later, DOMAIN_VSOCK)); /* toggling the mode does not forget it */
	ck_assert(!domain_brought("<w mode='all'/>", DOMAIN_VSOCK));
	ck_assert(!domain_brought(NULL, DOMAIN_VSOCK));
	ck_assert(!domain_brought(noted, DOMAIN_CONTROLLER));
	free(noted);
	free(first);
	free(later);
}
END_TEST

/* Mode and restart policy are kept side by side, and each is set without the other. */
START_TEST(test_restart_policy)
{
	struct virt_set set = {.set_restart = 1, .restart = VIRT_RESTART_NEVER};
	char *xml = domain_write_metadata("<w mode='all' owner='anna'/>", &set), *later;
	struct virt_domain d = {0};

	domain_read_metadata(xml, &d);
	ck_assert_uint_eq(d.mode, VIRT_MODE_ALL);
	ck_assert_uint_eq(d.restart, VIRT_RESTART_NEVER);
	ck_assert_str_eq(d.owner, "anna");
	set = (struct virt_set){.mode = VIRT_MODE_OFF};
	later = domain_write_metadata(xml, &set);
	domain_read_metadata(later, &d);
	ck_assert_uint_eq(d.mode, VIRT_MODE_OFF);
	ck_assert_uint_eq(d.restart, VIRT_RESTART_NEVER);
	domain_read_metadata("<w restart='soon'/>", &d);
	ck_assert_uint_eq(d.restart, VIRT_RESTART_UNSET);
	free(xml);
	free(later);
}
END_TEST

START_TEST(test_device_as_the_domain_has_it)
{
	static const char xml[] = DOMAIN(OTHER CHANNEL(""));
	char *element = domain_device_xml(xml, VIRT_DEVICE_VIRTIO);

	ck_assert_ptr_nonnull(element);
	ck_assert_int_eq(strncmp(element, "<channel", 8), 0);
	ck_assert_ptr_nonnull(strstr(element, "org.platen.0"));
	ck_assert_ptr_nonnull(strstr(element, "<alias name=\"channel1\"/>"));
	ck_assert_ptr_null(strstr(element, "guest_agent"));
	free(element);
	ck_assert_ptr_null(domain_device_xml(xml, VIRT_DEVICE_VSOCK));
	ck_assert_ptr_null(domain_device_xml("<broken", VIRT_DEVICE_VIRTIO));
	ck_assert_ptr_null(domain_unused_controller("<broken"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("domain");
	TCase *tc = tcase_create("domain");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_confined);
	tcase_add_loop_test(tc, test_devices, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, test_metadata_goes_and_comes);
	tcase_add_loop_test(tc, test_bad_metadata_is_none, 0, 5);
	tcase_add_test(tc, test_whose_vsock);
	tcase_add_test(tc, test_restart_policy);
	tcase_add_test(tc, test_device_as_the_domain_has_it);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
