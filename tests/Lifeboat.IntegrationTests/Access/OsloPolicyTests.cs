// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Controller.Access.Rules;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Access;

/// <summary>Our reading of rules beside that of the real oslo.policy, over rules that a seed makes.</summary>
public sealed class OsloPolicyTests(ITestOutputHelper output)
{
    // Debian's own: the packages of OpenStack are of no other.
    private const string Python = "/usr/bin/python3";
    private const int Rules = 20_000;

    private const string Script = """
        import json, logging, sys
        from oslo_policy import _checks, _parser
        logging.disable(logging.CRITICAL)
        asked = json.load(open(sys.argv[1]))
        class Enforcer: pass
        Enforcer.rules = {name: _parser.parse_rule(rule) for name, rule in asked['named'].items()}
        said = []
        for rule in asked['rules']:
            check = _parser.parse_rule(rule)
            # A bracket or a word by itself is given back as it is, and no request survives it.
            if isinstance(check, str): check = _checks.FalseCheck()
            said.append([str(check), bool(_checks._check(check, asked['target'], asked['caller'], Enforcer, None))])
        json.dump(said, open(sys.argv[2], 'w'))
        """;

    private static readonly string[] Checks =
    [
        "@", "!", "role:member", "role:MEMBER", "role:admin", "role:%(kind)s", "rule:people", "rule:nobody",
        "rights:view", "rights:failover", "project_id:%(project_id)s", "project_id:p2", "user_id:%(user)s",
        "is_admin:False", "is_admin:True", "'shop':%(group)s", "\"shop\":%(group)s", "'a%':a%%", "True:True", "7:7",
        "None:None", "tenant:%(tenant)s", "system_scope:all",
    ];

    private static readonly Dictionary<string, IReadOnlyList<string>> Caller = new()
    {
        ["roles"] = ["Member", "dr"], ["rights"] = ["view", "drill"], ["project_id"] = ["p1"], ["user_id"] = ["u1"],
        ["is_admin"] = ["False"],
    };

    private static readonly Dictionary<string, string> Target = new()
    {
        ["group"] = "shop", ["project_id"] = "p1", ["user"] = "u1", ["kind"] = "dr",
    };

    private static readonly Dictionary<string, string> Named = new()
    {
        ["people"] = "role:member or role:admin", ["nobody"] = "not (@ or role:x)",
    };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_rule_means_what_oslo_policy_takes_it_for()
    {
        var found = await HostCommand.RunAsync(Python, ["-c", "import oslo_policy"], Ct);
        Assert.SkipUnless(found.ExitCode == 0, $"oslo.policy is not installed (python3-oslo.policy): {found.Errors}");
        const int seed = 20261130;
        var random = new Random(seed);
        var rules = Enumerable.Range(0, Rules).Select(i => Spoil(Rule(random, 4), random, i % 4 == 0)).ToList();
        var said = await AskAsync(rules);
        var language = new RuleLanguage(RuleDefaults.CallerAttributes, [.. Target.Keys, "tenant"]);
        var named = Named.ToDictionary(n => n.Key, n => language.Parse(n.Value, []));
        var (let, refused, faulty) = (0, 0, 0);
        foreach (var (rule, (text, holds)) in rules.Zip(said))
        {
            var faults = new List<RuleLanguage.Fault>();
            var check = language.Parse(rule, faults);
            // What it cannot understand lets nobody there; here it is told.
            if (faults.Count > 0)
            {
                Assert.True(text == "!", $"seed {seed}: '{rule}' is {text} there, a fault here: {faults[0].Detail}");
                faulty++;
                continue;
            }
            Assert.True(text != "!" || rule.Trim('(', ')', ' ') == "!", $"'{rule}' is a fault there and none here");
            var ours = new RuleQuestion(Caller, Target, n => named[n]).Holds(check);
            Assert.True(ours == holds, $"seed {seed}: '{rule}' ({text}) is {holds} there, {ours} here");
            if (ours) let++;
            else refused++;
        }
        output.WriteLine($"{Rules} rules: {let} let, {refused} refuse, {faulty} are faults, at both alike");
        Assert.True(let > Rules / 10 && refused > Rules / 10 && faulty > Rules / 20);
    }

    private static async Task<IReadOnlyList<(string Text, bool Holds)>> AskAsync(List<string> rules)
    {
        var directory = Directory.CreateTempSubdirectory("lb-oslo-").FullName;
        try
        {
            var (asked, said) = (Path.Combine(directory, "asked"), Path.Combine(directory, "said"));
            await File.WriteAllTextAsync(asked, JsonSerializer.Serialize(new
            {
                rules,
                named = Named,
                target = Target,
                caller = Caller.ToDictionary(c => c.Key, c => c.Key is "roles" or "rights" ? (object)c.Value
                    : c.Value[0]),
            }), Ct);
            var done = await HostCommand.RunAsync(Python, ["-c", Script, asked, said], Ct);
            Assert.True(done.ExitCode == 0, done.Errors);
            using var read = JsonDocument.Parse(await File.ReadAllBytesAsync(said, Ct));
            return [.. read.RootElement.EnumerateArray().Select(r => (r[0].GetString()!, r[1].GetBoolean()))];
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static string Rule(Random random, int depth) => (depth == 0 ? 0 : random.Next(8)) switch
    {
        0 or 1 or 2 => Checks[random.Next(Checks.Length)],
        3 => $"{Word("not", random)} {Rule(random, depth - 1)}",
        4 => $"({Space(random)}{Rule(random, depth - 1)}{Space(random)})",
        5 or 6 => $"{Rule(random, depth - 1)} {Word("and", random)}{Space(random)} {Rule(random, depth - 1)}",
        _ => $"{Rule(random, depth - 1)} {Word("or", random)} {Space(random)}{Rule(random, depth - 1)}",
    };

    // A rule with a slip: a word, a bracket or a check too many or too few.
    private static string Spoil(string rule, Random random, bool spoil)
    {
        if (!spoil) return rule;
        var words = rule.Split(' ').ToList();
        var at = random.Next(words.Count);
        var slip = random.Next(5);
        if (slip == 0) words.RemoveAt(at);
        else if (slip == 1) words.Insert(at, "(");
        else if (slip == 2) words.Insert(at, "role:member");
        else if (slip == 3) words[at] += ")";
        else words.Insert(at, "or");
        return words.Count == 0 ? "(" : string.Join(' ', words);
    }

    private static string Word(string word, Random random) => random.Next(4) == 0 ? word.ToUpperInvariant() : word;

    private static string Space(Random random) => new(' ', random.Next(3));
}
