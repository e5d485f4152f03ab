// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Peers;

/// <summary>
/// The site that was left found that its instances wrote after the fork. Passed on with the definitions, so that both
/// sites know; it holds as long as that fork is open.
/// </summary>
/// <param name="Began">The epoch that names the fork.</param>
/// <param name="Site">Who found it.</param>
/// <param name="Evidence">What it saw, in a sentence.</param>
public sealed record DivergenceNotice(string Group, Epoch Began, string Site, DateTimeOffset FoundAt, string Evidence);
