/* SPDX-License-Identifier: Apache-2.0 */
/* PPDs for tests: a vendor's, and the published attacks as PPDs would carry them. */
#ifndef PLATEN_TEST_SAMPLE_PPD_H
#define PLATEN_TEST_SAMPLE_PPD_H

#define PPD_HEAD                                                                                   \
	"*PPD-Adobe: \"4.3\"\n*FormatVersion: \"4.3\"\n*FileVersion: \"1.0\"\n"                    \
	"*LanguageVersion: English\n*LanguageEncoding: ISOLatin1\n*PCFileName: \"ACME.PPD\"\n"     \
	"*Product: \"(Acme)\"\n*Manufacturer: \"Acme\"\n*ModelName: \"Acme Laser\"\n"              \
	"*ShortNickName: \"Acme Laser\"\n*NickName: \"Acme Laser, 1.0\"\n*PSVersion: \"(3010) "    \
	"0\"\n"                                                                                    \
	"*LanguageLevel: \"3\"\n*ColorDevice: False\n*DefaultColorSpace: Gray\n"                   \
	"*FileSystem: False\n*Throughput: \"20\"\n*LandscapeOrientation: Plus90\n"                 \
	"*TTRasterizer: Type42\n"

#define PPD_PAGES                                                                                  \
	"*OpenUI *PageSize/Media Size: PickOne\n*OrderDependency: 10 AnySetup *PageSize\n"         \
	"*DefaultPageSize: A4\n*PageSize A4/A4: \"<</PageSize[595 842]>>setpagedevice\"\n"         \
	"*PageSize Letter/US Letter: \"<</PageSize[612 792]>>setpagedevice\"\n"                    \
	"*de.PageSize A4/DIN A4: \"\"\n*CloseUI: *PageSize\n"                                      \
	"*OpenUI *PageRegion: PickOne\n*OrderDependency: 10 AnySetup *PageRegion\n"                \
	"*DefaultPageRegion: A4\n*PageRegion A4/A4: \"x\"\n*PageRegion Letter/US Letter: \"x\"\n"  \
	"*CloseUI: *PageRegion\n*DefaultImageableArea: A4\n*ImageableArea A4: \"12 12 583 830\"\n" \
	"*ImageableArea Letter: \"12 12 600 780\"\n*DefaultPaperDimension: A4\n"                   \
	"*PaperDimension A4: \"595 842\"\n*PaperDimension Letter: \"612 792\"\n"

#define PPD_STAPLE                                                                                 \
	"*OpenGroup: Finishing/Finishing Options\n*OpenUI *Staple/Staple: PickOne\n"               \
	"*OrderDependency: 50 AnySetup *Staple\n*DefaultStaple: None\n"                            \
	"*Staple None/Off: \"\"\n*Staple UpperLeft/Upper Left: \"1 staple\n&& multi\n\"\n*End\n"   \
	"*CloseUI: *Staple\n*CloseGroup: Finishing\n"                                              \
	"*UIConstraints: *PageSize A4 *Staple UpperLeft\n"                                         \
	"*UIConstraints: *Staple UpperLeft *PageSize A4\n"

#define PPD_VENDOR PPD_HEAD PPD_PAGES PPD_STAPLE

struct sample_ppd {
	const char *name, *text;
};

/* What must not come through, as a printer, a print server or an admin's mistake would bring it. */
static const struct sample_ppd sample_attacks[] = {
	{"filters", PPD_VENDOR "*cupsFilter: \"application/pdf 0 /bin/sh\"\n"
			       "*cupsFilter2: \"application/pdf application/pdf 0 evil\"\n"
			       "*cupsPreFilter: \"application/pdf 0 evil\"\n"
			       "*cupsPortMonitor: \"evil\"\n*cupsCommands: \"Clean\"\n"},
	/* CVE-2024-47175, -47177: attributes of a printer written into a PPD unescaped. */
	{"foomatic", PPD_VENDOR "*FoomaticRIPCommandLine: \"echo 1 > /tmp/PWNED\"\n"
				"*FoomaticRIPOptionSetting Staple=UpperLeft: \"x; id\"\n"
				"*foomaticRIPCommandLine: \"id\"\n"},
	{"line-in-text", PPD_HEAD "*NickName: \"X\n*FoomaticRIPCommandLine: id\n*cupsFilter2: x\"\n"
				  "*End\n" PPD_PAGES},
	{"line-in-choice",
		PPD_HEAD PPD_PAGES "*OpenUI *InputSlot/A\r*FoomaticRIPCommandLine: id\r: PickOne\n"
				   "*InputSlot Tray1/T<0A>*cupsFilter2<3A> x: \"\"\n"
				   "*CloseUI: *InputSlot\n"},
	/* CVE-2026-34980: a newline in an option. */
	{"line-in-default", PPD_VENDOR "*DefaultStaple: None<0A>*FoomaticRIPCommandLine: id\n"
				       "*JCLOpenUI *X/Y: PickOne\n*JCLX A/B: \"@PJL SET X=1\"\n"
				       "*JCLCloseUI: *X\n"},
	{"paths",
		PPD_VENDOR "*Include: \"/etc/passwd\"\n*JobPatchFile 1: \"/bin/sh\"\n"
			   "*APDialogExtension: \"/x.plugin\"\n*cupsICCProfile Gray..: \"/x.icc\"\n"
			   "*APPrinterIconPath: \"/x\"\n*HWMargins: 1 1 1 1\n"
			   "*APPrinterUtilityPath: \"/x\"\n*1284DeviceID: \"MFG:../..;\"\n"},
	{"commands", PPD_VENDOR "*JCLBegin: \"<1B>%-12345X@PJL\"\n*JCLEnd: \"<1B>%-12345X\"\n"
				"*JCLToPSInterpreter: \"@PJL ENTER\"\n*Password: \"()\"\n"
				"*ExitServer: \"0 serverdict\"\n*Reset: \"x\"\n"
				"*?PageSize: \"query\"\n*SymbolValue ^x: \"y\"\n"},
	/* libppd CVE-2023-4504: a quote and an escape at the end. */
	{"end-of-value", PPD_VENDOR "*NickName: \"a<\n*ModelName: \"\\\\"},
	{"all-constrained",
		PPD_VENDOR "*UIConstraints: *PageSize *Staple\n*UIConstraints: *Staple *PageSize\n"
			   "*cupsUIConstraints all: \"*PageSize *Staple\"\n"
			   "*cupsUIResolver all: \"*Staple None\"\n"},
	{"groups", PPD_HEAD "*OpenGroup: A/A\n*OpenGroup: B\n*OpenSubGroup: C\n*CloseUI: *X\n"
			    "*CloseGroup: Z\n" PPD_PAGES},
	{"texts", PPD_HEAD PPD_PAGES
		"*OpenUI *T/\xE9\xE8\x1B[2J: PickOne\n*T a/<C3A4><00><1B>: \"\"\n"
		"*T b/\xC3\xA4: \"\"\n*DefaultT: a/text\n*CloseUI: *T\n"},
};

#endif
