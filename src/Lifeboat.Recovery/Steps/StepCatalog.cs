// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;
using System.Reflection;
using System.Text.Json;
using Lifeboat.Protection;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Recovery.Steps;

/// <summary>All steps by name. Built once; a name used twice throws at start-up.</summary>
public sealed class StepCatalog
{
    private readonly FrozenDictionary<string, Type> _byName;

    public StepCatalog(Assembly shipped)
    {
        var marked = from type in shipped.GetTypes()
                     let mark = type.GetCustomAttribute<StepAttribute>()
                     where mark is not null
                     select (mark.Name, Type: type);
        _byName = marked.ToFrozenDictionary(m => m.Name, m => m.Type, StringComparer.Ordinal);
    }

    public static StepCatalog Shipped() => new(typeof(StepCatalog).Assembly);

    public IReadOnlyCollection<string> Names => _byName.Keys;

    public static string NameOf(IStep step)
    {
        var mark = step.GetType().GetCustomAttribute<StepAttribute>();
        Invariant.Holds(mark is not null, "every step has a name");
        return mark.Name;
    }

    public IStep Read(RunStep step)
    {
        Invariant.Holds(_byName.TryGetValue(step.Name, out var type), $"step {step.Name} of a stored run is shipped");
        return (IStep)step.Parameters.Deserialize(type, RunJson.Options)!;
    }
}
