// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Quiescing;

/// <summary>
/// Marks a quiesce provider. It is an <see cref="IQuiesceProvider"/> with a public constructor
/// `(QuiesceTarget target)`, in a folder of its own with a README.
/// </summary>
/// <param name="name">What a policy's step calls it; unique.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class QuiesceProviderAttribute(string name) : Attribute
{
    public string Name => name;
}
