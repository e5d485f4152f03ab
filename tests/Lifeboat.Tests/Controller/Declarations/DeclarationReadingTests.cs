// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Declarations;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Tests.Controller.Declarations;

/// <summary>YAML to fields and back, and what is wrong with it.</summary>
public sealed class DeclarationReadingTests
{
    [Theory]
    [InlineData("rpo", "rpoTarget")]
    [InlineData("rpoTargt", "rpoTarget")]
    [InlineData("quiesce", "quiesceLimit")]
    [InlineData("OUTBOX", "outboxBytes")]
    [InlineData("colour", null)]
    [InlineData("r", null)]
    public void The_name_that_was_meant_begins_so_or_differs_by_few_letters(string written, string? meant) =>
        Assert.Equal(meant, Nearest.To(written,
            ["rpoTarget", "rtoTarget", "quiesceInterval", "quiesceLimit", "outboxLogBytes", "outboxBytes", "tenant"]));

    [Fact]
    public void A_fault_in_one_document_hides_none_in_another()
    {
        var faults = Faults("a: [1\n---\nb: 'x\n---\nc: 1\n...\n---\nd: {\r\n--- {e: 1, e: 2}\n");
        Assert.Equal(["2:1", "3:4", "9:1", "9:12"], faults.Select(f => $"{f.At!.Line}:{f.At.Column}").Distinct());
    }

    [Fact]
    public void Documents_begin_where_yaml_says()
    {
        var all = Read(
            "\uFEFF# first\n%YAML 1.2\n--- # one\na: |\n  x\n  ---\n  y\n---\n---\n'b': \"1\"\n---x: 2\n",
            out var faults);
        Assert.Empty(faults);
        Assert.Equal("x\n---\ny\n", all[0].Find("a")!.Text);
        Assert.Equal(["b", "---x"], all[1].Entries.Select(e => e.Key));
        Assert.Equal((10, 1), (all[1].Entries[0].At.Line, all[1].Entries[0].At.Column));
    }

    [Fact]
    public void Anchors_stand_for_what_they_say_and_not_for_endlessly_much()
    {
        var one = Read("a: &x {b: c}\nd: *x\n", out var faults).Single();
        Assert.Empty(faults);
        Assert.Equal("c", one.Find("d")!.Find("b")!.Text);

        var list = "[" + string.Join(",", Enumerable.Repeat("x", 1000)) + "]";
        var many = "[" + string.Join(",", Enumerable.Repeat("*m", 1000)) + "]";
        var bomb = Read($"excluded: &d {list}\nm: &m {{instance: a, excludedDisks: *d}}\nmembers: {many}\n", out _)
            .Single();
        var reader = new FieldReader(bomb, "#", new DeclarationFaults(), new ValueBudget());
        var refused = Assert.Throws<ProblemException>(() => reader.Maps("members")
            .Sum(m => m.Texts("excludedDisks").Count));
        Assert.Equal(ReasonCode.RequestTooLarge, refused.Reason);
    }

    [Fact]
    public void Every_field_of_a_policy_is_read_as_it_is_written()
    {
        var policy = Policy.Default;
        foreach (var field in PolicyFields.Names) policy = PolicyFields.With(policy, field, Another(field));
        Assert.Equal(PolicyFields.Names, PolicyFields.Differing(policy, Policy.Default));

        var lines = PolicyText.Given(policy).Select(g => $"{g.Key}: \"{PolicyText.Text(g.Key, g.Value)}\"");
        var faults = new DeclarationFaults();
        var fields = new FieldReader(Read(string.Join('\n', lines), out _).Single(), "#", faults, new ValueBudget());
        Assert.Equal(policy, PolicyText.Build(PolicyText.Read(fields)));
        fields.End();
        Assert.Equal(0, faults.Count);
    }

    [Theory]
    [InlineData("128MiB", 128L << 20)]
    [InlineData("1.5 GiB", 3L << 29)]
    [InlineData("10GB", 10_000_000_000)]
    [InlineData("4096", 4096L)]
    [InlineData("0.3B", null)]
    [InlineData("-1", null)]
    [InlineData("1e3", null)]
    [InlineData("9999999TiB", null)]
    [InlineData("", null)]
    public void Sizes_are_read(string text, long? bytes) => Assert.Equal(bytes, DataSize.Parse(text));

    [Theory]
    [InlineData("rpoTargt", "rpoTarget")]
    [InlineData("Grup", "Group")]
    [InlineData("colour", null)]
    public void What_is_near_is_offered(string text, string? near) =>
        Assert.Equal(near, Nearest.To(text, ["Group", "rpoTarget", "rtoTarget", "retention"]));

    // Of the field's own type, and not its default.
    private static object? Another(string field) => PolicyFields.Of(Policy.Default, field) switch
    {
        TimeSpan span => span + TimeSpan.FromMilliseconds(7),
        Retention => Retention.Parse("all:1h,1m:1d").Retention,
        ChangeSource => ChangeSource.SnapshotDiff,
        MomentTrigger => MomentTrigger.OnShutdown,
        QuiesceFailure => QuiesceFailure.Strict,
        LinkPriority => LinkPriority.Low,
        long bytes => bytes + 1,
        string text => text + "daily 22:00-06:00 1Gbit",
        null when PolicyFields.TypeOf(field) == typeof(TimeSpan?) => TimeSpan.FromMinutes(90),
        null when PolicyFields.TypeOf(field) == typeof(long?) => 12_345_678L,
        null => "none at all",
        var other => throw new InvalidOperationException($"say another value for policy.{field}, {other}"),
    };

    private static IReadOnlyList<DeclaredNode> Read(string text, out IReadOnlyList<ProblemFault> found)
    {
        var faults = new DeclarationFaults();
        var documents = YamlDocuments.Read(new DeclarationFile("f", text), faults);
        found = faults.Count == 0 ? [] : Assert.Throws<ProblemException>(() => faults.ThrowIfAny(["f"])).Faults!;
        return documents;
    }

    private static IReadOnlyList<ProblemFault> Faults(string text)
    {
        Read(text, out var faults);
        return faults;
    }
}
