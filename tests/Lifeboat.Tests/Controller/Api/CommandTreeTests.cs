// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Cli;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>What is made from the command tree, and what is said of a line that does not fit it.</summary>
public sealed class CommandTreeTests
{
    [Fact]
    public void Every_command_has_a_manual_page_that_names_all_it_takes()
    {
        var root = CommandTree.Build();
        var pages = ManualPages.Of(root).ToDictionary(p => p.Name, p => p.Text);
        var create = root.Subcommands.Single(c => c.Name == "group").Subcommands.Single(c => c.Name == "create");
        foreach (var option in create.Options)
            Assert.Contains(option.Name.Replace("-", "\\-"), pages["lifeboat-group-create"]);
        Assert.Contains(".BR lifeboat\\-group\\-create (1)", pages["lifeboat-group"]);
        Assert.All(pages.Values, p => Assert.DoesNotContain("\n.\n", p));
        Assert.Equal(pages.Count, pages.Values.Distinct().Count());
    }

    [Theory]
    [InlineData("lifeboat gro", "group")]
    [InlineData("lifeboat group cre", "create")]
    [InlineData("lifeboat drill shop --che", "--check")]
    public void A_shell_is_told_what_may_come_next(string line, string next) =>
        Assert.Contains(next, CommandTree.Build().Parse(line["lifeboat ".Length..]).GetCompletions()
            .Select(c => c.Label));

    [Theory]
    [InlineData("stauts", "'stauts' is unknown; is status meant?")]
    [InlineData("report lst --all --tennant x", "'lst' is unknown", "'--all' is unknown",
        "'--tennant' is unknown; is --tenant meant?")]
    [InlineData("group policy shop --rop 3s --rpo -5s --outbox-mib lots --priority huge",
        "'--rop' is unknown; is --rpo meant?",
        "--rpo: '-5s' is not a duration; write 500ms, 2s, 15m, 4h or hh:mm:ss",
        "--outbox-mib: 'lots' is no whole number", "--priority: 'huge' is none of normal, high, low")]
    [InlineData("-o xml status", "--output: 'xml' is none of table, json, yaml, csv")]
    [InlineData("link set b --compression gz", "--compression: 'gz' is none of auto, none, lz4, zstd")]
    [InlineData("group thaw shop --id 77", "--id: '77' is no id")]
    public void All_faults_of_a_line_are_told_with_their_option(string line, params string[] faults)
    {
        var parsed = CommandTree.Build().Parse(line);
        Assert.Equal(faults, CommandLineFaults.Of(parsed));
        Assert.False(CommandLineFaults.OnlyLacksVerb(parsed));
    }

    [Theory]
    [InlineData("group")]
    [InlineData("alert target")]
    public void A_noun_alone_is_a_question_for_its_verbs(string line) =>
        Assert.True(CommandLineFaults.OnlyLacksVerb(CommandTree.Build().Parse(line)));

    [Fact]
    public void A_table_that_a_terminal_cannot_hold_is_printed_row_by_row_and_breaks_no_word()
    {
        string Printed(int columns)
        {
            var table = new TextTable();
            table.AddColumns("group", "state", "what to do");
            table.AddRow("shop", "failed-over (primary-moved)", "lifeboat failback shop");
            table.AddRow("crm", "protected", "");
            var text = new StringWriter();
            table.Print(text, columns);
            return text.ToString();
        }
        Assert.Contains("  group   state", Printed(80), StringComparison.Ordinal);
        var wrapped = Printed(55);
        Assert.Contains("  group   state", wrapped, StringComparison.Ordinal);
        Assert.Contains("(primary-moved)", wrapped, StringComparison.Ordinal);
        var records = Printed(30);
        Assert.Contains("  group        shop", records, StringComparison.Ordinal);
        Assert.Contains("  state        protected", records, StringComparison.Ordinal);
        Assert.Equal(records.IndexOf("what to do", StringComparison.Ordinal),
            records.LastIndexOf("what to do", StringComparison.Ordinal));
    }

    [Fact]
    public void Whatever_a_policy_is_given_on_the_command_line_is_a_field_of_it()
    {
        var all = new PolicyChange
        {
            RpoTarget = TimeSpan.Zero, RtoTarget = TimeSpan.Zero, CheckpointInterval = TimeSpan.Zero,
            Source = ChangeSource.Bitmap, SourcePeriod = TimeSpan.Zero, SourceTrigger = MomentTrigger.OnRequest,
            QuiesceInterval = TimeSpan.Zero,
            SharedInterval = TimeSpan.Zero, QuiesceLimit = TimeSpan.Zero, QuiesceLabel = "",
            OnQuiesceFailure = QuiesceFailure.Strict, Retention = "", OutboxBytes = 0, OutboxLogBytes = 0, ShipCap = "",
            ShipWindows = [], ShipTimeZone = "", Priority = default(Lifeboat.Protection.Links.LinkPriority),
            DrillCalendar = "", DrillTimeZone = "",
        };
        Assert.Equal(PolicyFields.Names, all.Given().Order(StringComparer.Ordinal));
        Assert.Empty(new PolicyChange().Given());
    }
}
