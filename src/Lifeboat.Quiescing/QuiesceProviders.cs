// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;
using System.Reflection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Quiescing;

/// <summary>The quiesce providers that were shipped, found once by their attribute and frozen.</summary>
public sealed class QuiesceProviders
{
    private readonly FrozenDictionary<string, Type> _byName;

    /// <exception cref="ArgumentException">Two providers have one name.</exception>
    public QuiesceProviders(params IEnumerable<Assembly> assemblies)
    {
        var marked = from assembly in assemblies
                     from type in assembly.GetTypes()
                     let mark = type.GetCustomAttribute<QuiesceProviderAttribute>()
                     where mark is not null
                     select (mark.Name, type);
        var byName = new Dictionary<string, Type>(StringComparer.Ordinal);
        foreach (var (name, type) in marked) byName.Add(name, type);
        _byName = byName.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>The providers of this assembly.</summary>
    public static QuiesceProviders Shipped() => new(typeof(QuiesceProviders).Assembly);

    public IReadOnlyList<string> Names => [.. _byName.Keys.Order(StringComparer.Ordinal)];

    /// <exception cref="QuiesceProviderException">Misconfigured: no such provider.</exception>
    public IQuiesceProvider Open(string name, QuiesceTarget target) => _byName.TryGetValue(name, out var type)
        ? (IQuiesceProvider)Activator.CreateInstance(type, target)!
        : throw new QuiesceProviderException(ProviderFault.Misconfigured, Unknown(name));

    /// <summary>All that is wrong with rules beyond their form, before anything is asked of an instance.</summary>
    public IEnumerable<string> Problems(IEnumerable<QuiesceRule> rules)
    {
        foreach (var rule in rules)
        {
            var freezes = rule.Steps.ToList().FindIndex(s => s.Provider == QuiesceStep.GuestAgent);
            for (var i = 0; i < rule.Steps.Count; i++)
            {
                var step = rule.Steps[i];
                if (!_byName.ContainsKey(step.Provider)) yield return $"{rule.Instance}: {Unknown(step.Provider)}";
                else
                {
                    foreach (var problem in Open(step.Provider, Nowhere(rule, step)).Problems())
                        yield return $"{rule.Instance}: {step.Provider}: {problem}";
                }
                if (step.Provider == QuiesceStep.GuestScript && freezes >= 0 && i > freezes)
                    yield return $"{rule.Instance}: {step.Provider} stands behind {QuiesceStep.GuestAgent}: "
                        + "an agent that has frozen its guest runs nothing";
            }
        }
    }

    private static QuiesceTarget Nowhere(QuiesceRule rule, QuiesceStep step) =>
        new(rule.Instance, null, "", TimeProvider.System) { Settings = step.Settings };

    private string Unknown(string name) =>
        $"there is no quiesce provider '{name}'; this build has: {string.Join(", ", Names)}";
}
