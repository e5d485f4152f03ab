// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Cli;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>What is made from the command tree.</summary>
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
}
