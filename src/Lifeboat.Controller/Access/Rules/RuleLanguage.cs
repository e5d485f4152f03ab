// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Access.Rules;

// The rule language of oslo.policy (`oslo_policy/_parser.py`, `_checks.py`), as a grammar:
//
//   rule  = [ or ]                        an empty rule lets everybody
//   or    = and { "or" and }
//   and   = not { "and" not }
//   not   = "not" not | "(" or ")" | check
//   check = "@" | "!" | kind ":" match    between white space; brackets at its ends are not its own
//
// Words in whatever case. What oslo.policy takes for "nobody" and logs (a check without a colon, a rule that cannot be
// understood, a kind that is nothing) is a fault here: an operator who slips is to hear of it before anybody is
// refused.
internal sealed partial class RuleLanguage(IEnumerable<string> callerAttributes, IEnumerable<string> targetAttributes)
{
    private static readonly string[] Kinds = ["role", "rule"];

    private readonly HashSet<string> _caller = new(callerAttributes, StringComparer.Ordinal);
    private readonly HashSet<string> _target = new(targetAttributes, StringComparer.Ordinal);

    /// <param name="At">Characters of the rule before it.</param>
    public sealed record Fault(int At, string Found, string Detail);

    /// <returns>What cannot be understood lets nobody.</returns>
    public AccessCheck Parse(string rule, List<Fault> faults)
    {
        if (rule.Length == 0) return new Always(true);
        var tokens = Tokens(rule).ToList();
        if (tokens.Count == 0)
        {
            faults.Add(new Fault(0, "", "the rule is white space; \"\" or \"@\" lets everybody, \"!\" nobody"));
            return new Always(false);
        }
        // All checks are looked at, also of a rule whose brackets do not fit.
        var checks = tokens.Select(t => t.Word is null && t.Text is not ("(" or ")") ? Check(t.Text, t.At, faults)
            : null).ToList();
        var reader = new Reader(tokens, checks, faults, rule.Length);
        return reader.Read() ?? new Always(false);
    }

    /// <summary>One check by itself, as lists of checks have them.</summary>
    public AccessCheck Check(string text, int at, List<Fault> faults)
    {
        if (text is "@" or "!") return new Always(text == "@");
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (text.Length >= 2 && text[0] == text[^1] && text[0] is '"' or '\'')
            return Refuse("text in quotation marks is no check; 'text':%(attribute)s would be one");
        if (colon < 0)
            return Refuse($"'{text}' is no check; one is KIND:MATCH, \"@\" or \"!\"" + Hint(text));
        var (kind, match) = (text[..colon], text[(colon + 1)..]);
        if (kind == "rule") return new RuleCheck(match);
        if (Template(match, at + colon + 1, faults) is not { } template) return new Always(false);
        if (kind == "role") return new RoleCheck(template);
        if (kind is "http" or "https") return Refuse("rules that ask a server elsewhere are not taken here");
        if (Constant(kind) is { } constant) return new ConstantCheck(kind, constant, template);
        if (_caller.Contains(kind)) return new AttributeCheck(kind, template);
        var near = Nearest.To(kind, _caller.Concat(Kinds));
        return Refuse($"a caller has no '{kind}'" + (near is null ? $"; there is: {Known(_caller.Concat(Kinds))}"
            : $"; did you mean {near}?"));

        AccessCheck Refuse(string why)
        {
            faults.Add(new Fault(at, text, why));
            return new Always(false);
        }
    }

    private RuleTemplate? Template(string match, int at, List<Fault> faults)
    {
        var parts = new List<(string, bool)>();
        var last = 0;
        for (var i = match.IndexOf('%', StringComparison.Ordinal); i >= 0; i = match.IndexOf('%', last))
        {
            if (i > last) parts.Add((match[last..i], false));
            var found = Placeholder().Match(match, i);
            if (!found.Success)
            {
                faults.Add(new Fault(at + i, match[i..], "after % comes (name)s, an attribute of what is asked "
                    + "about, or another %"));
                return null;
            }
            if (found.Value == "%%") parts.Add(("%", false));
            else if (_target.Contains(found.Groups[1].Value)) parts.Add((found.Groups[1].Value, true));
            else
            {
                var near = Nearest.To(found.Groups[1].Value, _target);
                faults.Add(new Fault(at + i, found.Value, $"nothing that is asked about has a "
                    + $"'{found.Groups[1].Value}'" + (near is null ? $"; there is: {Known(_target)}"
                    : $"; did you mean %({near})s?")));
                return null;
            }
            last = i + found.Length;
        }
        if (last < match.Length || parts.Count == 0) parts.Add((match[last..], false));
        return new RuleTemplate(match, parts);
    }

    private static string? Constant(string kind) => kind switch
    {
        ['\'', .. var text, '\''] when !text.AsSpan().ContainsAny('\'', '\\') => text,
        ['"', .. var text, '"'] when !text.AsSpan().ContainsAny('"', '\\') => text,
        "True" or "False" or "None" => kind,
        _ => Number().IsMatch(kind) ? kind : null,
    };

    private static string Known(IEnumerable<string> names) =>
        string.Join(", ", names.Order(StringComparer.Ordinal));

    private static string Hint(string text) => text.All(char.IsAsciiLetterOrDigit) && text.Length > 0
        ? $"; of a role: role:{text}" : "";

    private static IEnumerable<Token> Tokens(string rule)
    {
        foreach (Match word in Word().Matches(rule))
        {
            var text = word.Value.TrimStart('(');
            for (var i = 0; i < word.Length - text.Length; i++) yield return new Token("(", word.Index + i, null);
            if (text.Length == 0) continue;
            var at = word.Index + word.Length - text.Length;
            var clean = text.TrimEnd(')');
            var lowered = clean.ToLowerInvariant();
            if (lowered is "and" or "or" or "not") yield return new Token(clean, at, lowered);
            else if (clean.Length > 0) yield return new Token(clean, at, null);
            for (var i = clean.Length; i < text.Length; i++) yield return new Token(")", at + i, null);
        }
    }

    [GeneratedRegex(@"\S+")]
    private static partial Regex Word();

    [GeneratedRegex(@"\G(?:%%|%\(([^)]*)\)s)")]
    private static partial Regex Placeholder();

    [GeneratedRegex("^(?:0|-?[1-9][0-9]*)$")]
    private static partial Regex Number();

    /// <param name="Word">`and`, `or`, `not`; null: a bracket or a check.</param>
    private sealed record Token(string Text, int At, string? Word);

    // Ends at the first place that does not fit: what follows it has no meaning by itself.
    private sealed class Reader(List<Token> tokens, List<AccessCheck?> checks, List<Fault> faults, int length)
    {
        private const int DepthMax = 64;
        private int _next;
        private int _depth;

        public AccessCheck? Read()
        {
            var whole = Or();
            if (whole is null || _next == tokens.Count) return whole;
            return Refuse(tokens[_next].Text == ")" ? "this bracket closes none"
                : "between two checks stands and or or");
        }

        private AccessCheck? Or() => Chain("or", And, all => new Either(all));

        private AccessCheck? And() => Chain("and", Not, all => new Both(all));

        private AccessCheck? Chain(string word, Func<AccessCheck?> one, Func<List<AccessCheck>, AccessCheck> join)
        {
            var all = new List<AccessCheck>();
            do
            {
                if (one() is not { } check) return null;
                all.Add(check);
            }
            while (Take(word));
            return all is [var only] ? only : join(all);
        }

        private AccessCheck? Not()
        {
            if (++_depth > DepthMax) return Refuse($"the rule is nested deeper than {DepthMax}");
            try
            {
                if (!Take("not")) return Single();
                return Not() is { } check ? new Otherwise(check) : null;
            }
            finally
            {
                _depth--;
            }
        }

        private AccessCheck? Single()
        {
            if (_next == tokens.Count) return Refuse("the rule ends where a check is wanted");
            var (token, check) = (tokens[_next], checks[_next]);
            if (check is not null)
            {
                _next++;
                return check;
            }
            if (token.Text != "(") return Refuse(token.Text == ")" ? "a check is wanted before this bracket"
                : $"a check is wanted before '{token.Text}'");
            _next++;
            if (Or() is not { } inner) return null;
            if (_next == tokens.Count)
            {
                faults.Add(new Fault(token.At, token.Text, "this bracket is not closed"));
                return null;
            }
            if (tokens[_next].Text != ")") return Refuse("between two checks stands and or or");
            _next++;
            return inner;
        }

        private bool Take(string word)
        {
            if (_next == tokens.Count || tokens[_next].Word != word) return false;
            _next++;
            return true;
        }

        private AccessCheck? Refuse(string why)
        {
            var at = _next < tokens.Count ? tokens[_next] : new Token("", length, null);
            faults.Add(new Fault(at.At, at.Text, why));
            return null;
        }
    }
}
