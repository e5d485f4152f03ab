// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Access.Rules;

namespace Lifeboat.Tests.Controller.Rules;

/// <summary>The rule language; that it is oslo.policy's own, OsloPolicyTests shows with the real one.</summary>
public sealed class RuleLanguageTests
{
    private static readonly RuleLanguage Language = new(RuleDefaults.CallerAttributes, ["group", "project_id", "user"]);

    private static readonly Dictionary<string, IReadOnlyList<string>> Anna = new()
    {
        ["roles"] = ["member", "DR-Operator"], ["project_id"] = ["p1"], ["rights"] = ["view", "drill"],
        ["is_admin"] = ["False"], ["user_name"] = ["anna"],
    };

    private static readonly Dictionary<string, string> Shop = new() { ["group"] = "shop", ["project_id"] = "p1" };

    [Theory]
    [InlineData("", true)]
    [InlineData("@", true)]
    [InlineData("!", false)]
    [InlineData("role:member", true)]
    [InlineData("role:dr-operator", true)]
    [InlineData("role:admin", false)]
    [InlineData("rights:drill", true)]
    [InlineData("rights:failover", false)]
    [InlineData("project_id:%(project_id)s", true)]
    [InlineData("user_id:%(user)s", false)]
    [InlineData("is_admin:False", true)]
    [InlineData("'shop':%(group)s", true)]
    [InlineData("\"shop\":x%(group)s", false)]
    [InlineData("True:True", true)]
    [InlineData("'50%':50%%", true)]
    [InlineData("not role:admin and role:member", true)]
    [InlineData("role:admin or role:member and rights:drill", true)]
    [InlineData("role:member or role:admin and role:nobody", true)]
    [InlineData("(role:member or role:admin) and role:nobody", false)]
    [InlineData("NOT (role:admin OR role:nobody) AND (@)", true)]
    [InlineData("not not role:member", true)]
    [InlineData("rule:people and rights:view", true)]
    public void A_rule_says_who(string rule, bool expected)
    {
        var faults = new List<RuleLanguage.Fault>();
        var check = Language.Parse(rule, faults);
        Assert.Empty(faults);
        var question = new RuleQuestion(Anna, Shop, name => name == "people" ? Language.Parse("role:member", faults)
            : throw new KeyNotFoundException(name));
        Assert.Equal(expected, question.Holds(check));
        // As it is shown it says the same.
        Assert.Equal(expected, question.Holds(Language.Parse(check.ToString(), faults)));
        Assert.Empty(faults);
    }

    [Theory]
    [InlineData("member", 0, "'member' is no check; one is KIND:MATCH, \"@\" or \"!\"; of a role: role:member")]
    [InlineData("role:a role:b", 7, "between two checks stands and or or")]
    [InlineData("role:a and", 10, "the rule ends where a check is wanted")]
    [InlineData("(role:a or role:b", 0, "this bracket is not closed")]
    [InlineData("role:a)", 6, "this bracket closes none")]
    [InlineData("or role:a", 0, "a check is wanted before 'or'")]
    [InlineData("role:a and ()", 12, "a check is wanted before this bracket")]
    [InlineData("rigths:view", 0, "a caller has no 'rigths'; did you mean rights?")]
    [InlineData("role:a and project_id:%(projekt_id)s", 22, "did you mean %(project_id)s?")]
    [InlineData("user_id:%(user)d", 8, "after % comes (name)s")]
    [InlineData("http://policy.example.org/check", 0, "rules that ask a server elsewhere are not taken here")]
    [InlineData("\"role:a\"", 0, "text in quotation marks is no check")]
    [InlineData("  ", 0, "the rule is white space")]
    public void A_slip_is_told_with_its_place(string rule, int at, string says)
    {
        var faults = new List<RuleLanguage.Fault>();
        var check = Language.Parse(rule, faults);
        var fault = Assert.Single(faults);
        Assert.Equal(at, fault.At);
        Assert.Contains(says, fault.Detail, StringComparison.Ordinal);
        if (check is Always always) Assert.False(always.Result);
    }

    [Fact]
    public void All_slips_of_a_rule_are_told_at_once()
    {
        var faults = new List<RuleLanguage.Fault>();
        Language.Parse("member or colour:red and (role:%(size)s", faults);
        Assert.Equal([0, 10, 31, 25], faults.Select(f => f.At));
    }

    [Fact]
    public void A_rule_of_ten_thousand_brackets_is_a_fault_and_no_crash()
    {
        var faults = new List<RuleLanguage.Fault>();
        Language.Parse(new string('(', 10_000) + "@" + new string(')', 10_000), faults);
        Assert.Contains("nested deeper than 64", Assert.Single(faults).Detail);
    }
}
