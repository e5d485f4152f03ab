// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.IntegrationTests.Life;

/// <summary>Tests that start whole sites and guests: one after another, they measure stalls.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class LifeCollection
{
    public const string Name = "life";
}
