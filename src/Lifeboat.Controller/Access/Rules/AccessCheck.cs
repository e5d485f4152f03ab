// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Controller.Access.Rules;

/// <summary>What a rule is asked: who the caller is, and what the request is about.</summary>
/// <param name="Caller">By attribute, each with one value or several.</param>
/// <param name="Target">Attributes that a rule names as `%(name)s`.</param>
/// <param name="Rule">The check of a rule by name.</param>
internal sealed record RuleQuestion(IReadOnlyDictionary<string, IReadOnlyList<string>> Caller,
    IReadOnlyDictionary<string, string> Target, Func<string, AccessCheck> Rule)
{
    /// <summary>Which checks were looked at, and what came of each; null: nobody wants to know.</summary>
    public List<(string Check, bool Holds)>? Seen { get; init; }

    public bool Holds(AccessCheck check)
    {
        var holds = check.Holds(this);
        if (check is not (Both or Either or Otherwise)) Seen?.Add((check.ToString(), holds));
        return holds;
    }
}

/// <summary>A rule as a tree, in the semantics of oslo.policy: what is missing on either side does not hold.</summary>
internal abstract record AccessCheck
{
    public abstract bool Holds(RuleQuestion asked);
}

internal sealed record Always(bool Result) : AccessCheck
{
    public override bool Holds(RuleQuestion asked) => Result;
    public override string ToString() => Result ? "@" : "!";
}

internal sealed record Otherwise(AccessCheck Check) : AccessCheck
{
    public override bool Holds(RuleQuestion asked) => !asked.Holds(Check);
    public override string ToString() => $"not {Check}";
}

internal sealed record Both(IReadOnlyList<AccessCheck> Checks) : AccessCheck
{
    public override bool Holds(RuleQuestion asked) => Checks.All(asked.Holds);
    public override string ToString() => $"({string.Join(" and ", Checks)})";
}

internal sealed record Either(IReadOnlyList<AccessCheck> Checks) : AccessCheck
{
    public override bool Holds(RuleQuestion asked) => Checks.Any(asked.Holds);
    public override string ToString() => $"({string.Join(" or ", Checks)})";
}

/// <summary>`rule:NAME`.</summary>
internal sealed record RuleCheck(string Name) : AccessCheck
{
    public override bool Holds(RuleQuestion asked) => asked.Holds(asked.Rule(Name));
    public override string ToString() => $"rule:{Name}";
}

/// <summary>`role:NAME`: whatever the case of the letters.</summary>
internal sealed record RoleCheck(RuleTemplate Match) : AccessCheck
{
    public override bool Holds(RuleQuestion asked) => Match.Fill(asked.Target) is { } role
        && asked.Caller.TryGetValue("roles", out var roles)
        && roles.Any(r => string.Equals(r.ToLowerInvariant(), role.ToLowerInvariant(), StringComparison.Ordinal));

    public override string ToString() => $"role:{Match}";
}

/// <summary>`ATTRIBUTE:MATCH`: one of the values that the caller's attribute has.</summary>
internal sealed record AttributeCheck(string Attribute, RuleTemplate Match) : AccessCheck
{
    public override bool Holds(RuleQuestion asked) => Match.Fill(asked.Target) is { } text
        && asked.Caller.TryGetValue(Attribute, out var values) && values.Contains(text, StringComparer.Ordinal);

    public override string ToString() => $"{Attribute}:{Match}";
}

/// <summary>`'TEXT':MATCH`: a constant that the target has.</summary>
/// <param name="Written">As the rule has it.</param>
internal sealed record ConstantCheck(string Written, string Value, RuleTemplate Match) : AccessCheck
{
    public override bool Holds(RuleQuestion asked) => Match.Fill(asked.Target) == Value;
    public override string ToString() => $"{Written}:{Match}";
}

/// <summary>Text with attributes of the target in it, `%(name)s`; `%%` is a percent sign.</summary>
/// <param name="Parts">Text, or the name of an attribute.</param>
internal sealed record RuleTemplate(string Written, IReadOnlyList<(string Text, bool IsAttribute)> Parts)
{
    /// <returns>Null: the target lacks an attribute.</returns>
    public string? Fill(IReadOnlyDictionary<string, string> target)
    {
        if (Parts is [(var only, false)]) return only;
        var filled = new List<string>(Parts.Count);
        foreach (var (text, isAttribute) in Parts)
            if (!isAttribute) filled.Add(text);
            else if (target.TryGetValue(text, out var value)) filled.Add(value);
            else return null;
        return string.Concat(filled);
    }

    public override string ToString() => Written;
}
